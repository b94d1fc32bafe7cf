# diagnosis: swallowed-error
def at_least_once(queue, process):
    while (message := queue.receive()) is not None:
        for _ in range(3):
            try:
                process(message)
                break
            except RuntimeError:  # here
                continue
        queue.ack(message)  # here
