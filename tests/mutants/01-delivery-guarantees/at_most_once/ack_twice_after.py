# diagnosis: ack-after-effect
def at_most_once(queue, process):
    for message in iter(queue.receive, None):
        process(message)  # here
        queue.ack(message)  # here
        queue.ack(message)  # here
