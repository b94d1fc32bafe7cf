def at_least_once(queue, process):
    batch = list(iter(queue.receive, None))
    for message in batch:
        process(message)
    for message in batch:
        queue.ack(message)
