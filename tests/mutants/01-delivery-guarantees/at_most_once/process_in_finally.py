# diagnosis: effect-without-ack
def at_most_once(queue, process):
    while True:
        message = queue.receive()
        if message is None:
            break
        try:
            queue.ack(message)  # here
        finally:  # here
            process(message)  # here
