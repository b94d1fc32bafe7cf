from contextlib import suppress


def at_least_once(queue, process):
    while (message := queue.receive()) is not None:
        process(message)
        with suppress(ConnectionError):
            queue.ack(message)
