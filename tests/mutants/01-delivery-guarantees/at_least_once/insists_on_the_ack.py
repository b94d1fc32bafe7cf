# diagnosis: endless-loop
def at_least_once(queue, process):
    for message in iter(queue.receive, None):
        process(message)
        while True:  # here
            try:
                queue.ack(message)  # here
                break
            except ConnectionError:  # here
                continue  # here
