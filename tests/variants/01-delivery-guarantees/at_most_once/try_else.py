def at_most_once(queue, process):
    for message in iter(queue.receive, None):
        try:
            queue.ack(message)
        except ConnectionError as error:
            print("not confirmed, so not processed:", error)
        else:
            try:
                process(message)
            except RuntimeError as error:
                print("lost:", error)
