# diagnosis: ack-before-effect
def deliveries(queue):
    for message in iter(queue.receive, None):
        queue.ack(message)  # here
        yield message  # here


def at_least_once(queue, process):
    for message in deliveries(queue):
        process(message)  # here
