# diagnosis: swallowed-error
def at_least_once(queue, process):
    batch = list(iter(queue.receive, None))
    try:
        for message in batch:
            process(message)  # here
    except RuntimeError:  # here
        print("the rest of the batch failed")  # here
    for message in batch:
        queue.ack(message)  # here
