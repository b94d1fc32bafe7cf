# diagnosis: never-acknowledged
def at_least_once(queue, process):
    for m in iter(queue.receive, None):
        process(m)
        queue.ack(m.id)  # here
