# diagnosis: stops-early
def at_least_once(queue, process):
    message = queue.receive()  # here
    if message is None:  # here
        return
    process(message)
    queue.ack(message)  # here
