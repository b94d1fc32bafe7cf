# diagnosis: ack-after-effect
def at_most_once(queue, process):
    while True:
        message = queue.receive()
        if message is None:
            return
        try:
            process(message)  # here
        except RuntimeError as error:
            print("left in the queue:", error)
        else:
            queue.ack(message)  # here
