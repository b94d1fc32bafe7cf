# diagnosis: ack-before-effect
def at_least_once(queue, process):
    while True:
        message = queue.receive()
        if message is None:
            return
        queue.ack(message)  # here
        process(message)  # here
