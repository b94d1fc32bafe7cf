# diagnosis: key-from-delivery
def at_least_once(queue, process):
    while True:
        match queue.receive():
            case None:
                return
            case message if message.attempt > 1:  # here
                queue.ack(message)  # here
            case message:
                process(message)
                queue.ack(message)
