# diagnosis: ack-after-effect
def at_most_once(queue, process):
    while (message := queue.receive()) is not None:
        try:
            process(message)  # here
            queue.ack(message)
        except ConnectionError:
            process(message)  # here
            queue.ack(message)
