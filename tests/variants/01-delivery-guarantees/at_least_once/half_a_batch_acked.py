def at_least_once(queue, process):
    done = []
    try:
        for message in iter(queue.receive, None):
            process(message)
            done.append(message)
    finally:
        for message in done:
            queue.ack(message)
