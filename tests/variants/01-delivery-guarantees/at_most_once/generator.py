def acknowledged(queue):
    while message := queue.receive():
        queue.ack(message)
        yield message


def at_most_once(queue, process):
    for message in acknowledged(queue):
        process(message)
