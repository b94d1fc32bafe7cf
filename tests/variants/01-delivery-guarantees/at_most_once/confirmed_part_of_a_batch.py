def confirmed(queue, message):
    try:
        queue.ack(message)
    except ConnectionError:
        return False
    return True


def at_most_once(queue, process):
    batch = [*iter(queue.receive, None)]
    for message in [m for m in batch if confirmed(queue, m)]:
        process(message)
