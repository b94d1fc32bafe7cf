# diagnosis: ack-after-effect
def deliveries(queue):
    while (message := queue.receive()) is not None:
        yield message  # here
        queue.ack(message)  # here


def at_most_once(queue, process):
    for message in deliveries(queue):
        process(message)  # here
