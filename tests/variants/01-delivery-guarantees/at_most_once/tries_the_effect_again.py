def at_most_once(queue, process):
    while (message := queue.receive()) is not None:
        queue.ack(message)
        for attempt in range(3):
            try:
                process(message)
                break
            except RuntimeError:
                print("had no effect yet, try again", attempt)
