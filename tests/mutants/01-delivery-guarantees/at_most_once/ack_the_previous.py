# diagnosis: ack-after-effect
def at_most_once(queue, process):
    previous = None
    while (message := queue.receive()) is not None:
        if previous is not None:
            queue.ack(previous)  # here
        process(message)  # here
        previous = message
    if previous is not None:
        queue.ack(previous)  # here
