# diagnosis: acknowledged-without-effect
def at_least_once(queue, process):
    batch = [*iter(queue.receive, None)]
    try:
        for message in batch:
            process(message)  # here
    finally:  # here
        for message in batch:
            queue.ack(message)  # here
