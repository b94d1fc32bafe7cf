# diagnosis: never-acknowledged
def at_most_once(queue, process):
    for message in iter(queue.receive, None):  # here
        queue.ack  # here
        process(message)  # here
