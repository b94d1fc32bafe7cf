# diagnosis: wrong-effect
def at_most_once(queue, process):
    for message in iter(queue.receive, None):
        queue.ack(message)
        for _ in range(3):  # here
            if process(message):  # here
                break
