# diagnosis: never-acknowledged
def at_least_once(queue, process):
    while queue.receive() is not None:  # here
        message = queue.receive()  # here
        if message is None:  # here
            break
        process(message)
        queue.ack(message)
