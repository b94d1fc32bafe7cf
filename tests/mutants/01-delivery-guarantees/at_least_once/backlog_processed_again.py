# diagnosis: wrong-effect
def at_least_once(queue, process):
    backlog = []
    for message in iter(queue.receive, None):
        backlog.append(message)  # here
        for each in backlog:  # here
            process(each)  # here
        queue.ack(message)
