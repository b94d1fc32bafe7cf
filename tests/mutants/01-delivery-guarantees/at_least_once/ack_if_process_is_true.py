# diagnosis: never-acknowledged
def at_least_once(queue, process):
    for message in iter(queue.receive, None):
        if process(message):  # here
            queue.ack(message)  # here
