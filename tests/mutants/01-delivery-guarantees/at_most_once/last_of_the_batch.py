# diagnosis: acknowledged-without-effect
def at_most_once(queue, process):
    message = None
    while (received := queue.receive()) is not None:
        message = received  # here
        queue.ack(message)  # here
    if message is not None:
        process(message)  # here
