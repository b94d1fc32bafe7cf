def at_most_once(queue, process):
    for message in iter(queue.receive, None):
        queue.ack(message)
        process(message)
