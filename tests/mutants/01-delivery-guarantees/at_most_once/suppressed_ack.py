# diagnosis: effect-without-ack
from contextlib import suppress


def at_most_once(queue, process):
    while (message := queue.receive()) is not None:
        with suppress(ConnectionError):  # here
            queue.ack(message)  # here
        process(message)  # here
