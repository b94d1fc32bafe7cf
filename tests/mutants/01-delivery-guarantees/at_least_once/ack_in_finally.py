# diagnosis: acknowledged-without-effect
def at_least_once(queue, process):
    for message in iter(queue.receive, None):
        try:
            process(message)  # here
        finally:  # here
            queue.ack(message)  # here
