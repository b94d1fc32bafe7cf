def at_least_once(queue, process):
    while True:
        message = queue.receive()
        if message is None:
            break
        try:
            process(message)
        except RuntimeError as error:
            print("comes again:", error)
            continue
        queue.ack(message)
