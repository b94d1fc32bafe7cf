# diagnosis: ack-after-effect
def at_most_once(queue, process):
    while True:
        message = queue.receive()
        if message is None:
            return
        process(message)  # here
        queue.ack(message)  # here
