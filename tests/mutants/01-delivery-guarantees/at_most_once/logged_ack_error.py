# diagnosis: effect-without-ack
def at_most_once(queue, process):
    for message in iter(queue.receive, None):
        try:
            queue.ack(message)  # here
        except ConnectionError as error:  # here
            print("acknowledgement failed, going on:", error)  # here
        process(message)  # here
