def at_most_once(queue, process):
    def step(message):
        if message is not None:
            queue.ack(message)
            process(message)
            step(queue.receive())

    step(queue.receive())
