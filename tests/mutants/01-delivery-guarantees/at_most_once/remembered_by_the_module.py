# diagnosis: memory-in-process
done = set()  # here


def at_most_once(queue, process):
    while (message := queue.receive()) is not None:
        if message.id not in done:  # here
            process(message)
            done.add(message.id)  # here
        try:
            queue.ack(message)
        except ConnectionError as error:
            print("not confirmed, it may come again:", error)
