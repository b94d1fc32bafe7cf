def unacknowledged(queue):
    for message in iter(queue.receive, None):
        yield message
        queue.ack(message)


def at_least_once(queue, process):
    for message in unacknowledged(queue):
        process(message)
