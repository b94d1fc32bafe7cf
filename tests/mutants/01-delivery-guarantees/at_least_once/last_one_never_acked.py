# diagnosis: never-acknowledged
def at_least_once(queue, process):
    previous = None
    for message in iter(queue.receive, None):  # here
        process(message)
        if previous is not None:  # here
            queue.ack(previous)  # here
        previous = message  # here
