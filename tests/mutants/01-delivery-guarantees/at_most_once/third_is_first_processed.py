# diagnosis: ack-after-effect
def at_most_once(queue, process):
    n = 0
    for message in iter(queue.receive, None):
        n += 1
        if n <= 2:
            queue.ack(message)
            process(message)
        else:
            process(message)  # here
            queue.ack(message)
