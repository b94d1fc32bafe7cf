# diagnosis: ack-before-effect
def at_least_once(queue, process):
    batch = []
    while (message := queue.receive()) is not None:
        queue.ack(message)  # here
        batch.append(message)
    for message in batch:
        process(message)  # here
