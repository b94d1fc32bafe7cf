# diagnosis: stops-early
def at_least_once(queue, process):
    while (message := queue.receive()) is not None:
        try:
            process(message)  # here
        except RuntimeError:  # here
            return  # here
        queue.ack(message)
