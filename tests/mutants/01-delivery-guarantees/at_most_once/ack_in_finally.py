# diagnosis: ack-after-effect
def at_most_once(queue, process):
    for message in iter(queue.receive, None):
        try:
            process(message)  # here
        finally:
            queue.ack(message)  # here
