done = set()


def at_least_once(queue, process):
    for message in iter(queue.receive, None):
        if message.id not in done:
            process(message)
            done.add(message.id)
        queue.ack(message)
