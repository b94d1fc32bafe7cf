def at_most_once(queue, process):
    batch = list(iter(queue.receive, None))
    for message in batch:
        queue.ack(message)
    for message in batch:
        process(message)
