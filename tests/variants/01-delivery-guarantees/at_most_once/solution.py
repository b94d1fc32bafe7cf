def at_most_once(queue, process):
    while (message := queue.receive()) is not None:
        queue.ack(message)
        process(message)
