# diagnosis: ack-after-effect
def at_most_once(queue, process):
    while (message := queue.receive()) is not None:
        if message.attempt == 1:
            process(message)  # here
        queue.ack(message)
