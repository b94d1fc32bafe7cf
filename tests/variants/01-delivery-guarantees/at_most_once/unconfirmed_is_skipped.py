def at_most_once(queue, process):
    while True:
        message = queue.receive()
        if message is None:
            return
        try:
            queue.ack(message)
        except ConnectionError:
            continue
        process(message)
