# diagnosis: stops-early
def at_least_once(queue, process):
    try:
        for message in iter(queue.receive, None):
            process(message)
            queue.ack(message)  # here
    except ConnectionError:  # here
        print("connection lost, good bye")  # here
