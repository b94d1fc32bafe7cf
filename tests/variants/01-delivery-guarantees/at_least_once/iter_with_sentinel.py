def at_least_once(queue, process):
    for message in iter(queue.receive, None):
        process(message)
        queue.ack(message)
