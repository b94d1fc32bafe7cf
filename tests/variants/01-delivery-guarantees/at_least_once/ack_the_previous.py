def at_least_once(queue, process):
    previous = None
    while (message := queue.receive()) is not None:
        process(message)
        if previous is not None:
            queue.ack(previous)
        previous = message
    if previous is not None:
        queue.ack(previous)
