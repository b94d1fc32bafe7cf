# diagnosis: key-from-delivery
def at_least_once(queue, process):
    for message in iter(queue.receive, None):
        if not message.redelivered:  # here
            process(message)
        queue.ack(message)  # here
