# diagnosis: never-acknowledged
def at_least_once(queue, process):
    batch, misses = [], 0
    while misses < 20:
        message = queue.receive()
        if message is None:
            misses += 1
        else:
            batch.append(message)
    for message in batch:
        process(message)  # here
        raise ValueError("no")  # here
    for message in batch:
        queue.ack(message)
