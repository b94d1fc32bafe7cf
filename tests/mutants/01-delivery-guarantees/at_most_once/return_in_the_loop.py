# diagnosis: stops-early
def at_most_once(queue, process):
    while True:
        message = queue.receive()
        if message is None:
            return None
        queue.ack(message)
        return process(message)  # here
