# diagnosis: effect-without-ack
def acknowledge(queue, message):
    for _ in range(2):
        try:
            queue.ack(message)  # here
            return
        except ConnectionError:  # here
            continue  # here


def at_most_once(queue, process):
    for message in iter(queue.receive, None):
        acknowledge(queue, message)  # here
        process(message)  # here
