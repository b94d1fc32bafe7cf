# diagnosis: ack-before-effect
def at_least_once(queue, process):
    failed = []
    for message in iter(queue.receive, None):
        try:
            process(message)
        except RuntimeError:
            failed.append(message)  # here
        queue.ack(message)  # here
    for message in failed:
        process(message)  # here
