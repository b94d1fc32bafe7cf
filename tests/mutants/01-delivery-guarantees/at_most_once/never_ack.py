# diagnosis: never-acknowledged
def at_most_once(queue, process):
    while (message := queue.receive()) is not None:  # here
        process(message)  # here
