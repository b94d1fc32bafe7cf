# diagnosis: never-acknowledged
def at_most_once(queue, process):
    for m in iter(queue.receive, None):
        if m.id == "8":
            queue.ack(m)  # here
        process(m)  # here
