def at_least_once(queue, process):
    while (message := queue.receive()) is not None:
        process(message)
        queue.ack(message)
