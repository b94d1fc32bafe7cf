# diagnosis: stops-early
def at_most_once(queue, process):
    message = queue.receive()  # here
    if message is not None:  # here
        queue.ack(message)
        process(message)  # here
