# diagnosis: mark-before-effect
seen = set()  # here


def at_least_once(queue, process):
    for message in iter(queue.receive, None):
        if message.id not in seen:  # here
            seen.add(message.id)  # here
            try:
                process(message)  # here
            except RuntimeError:
                continue
        queue.ack(message)
