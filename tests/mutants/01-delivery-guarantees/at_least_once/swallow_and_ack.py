# diagnosis: swallowed-error
def at_least_once(queue, process):
    while (message := queue.receive()) is not None:
        try:
            process(message)  # here
        except Exception as error:  # here
            print("could not process", message.id, error)  # here
        queue.ack(message)  # here
