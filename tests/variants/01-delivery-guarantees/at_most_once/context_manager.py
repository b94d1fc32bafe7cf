from contextlib import contextmanager, suppress


@contextmanager
def taken(queue, message):
    queue.ack(message)
    yield message


def at_most_once(queue, process):
    while (message := queue.receive()) is not None:
        with suppress(ConnectionError), taken(queue, message):
            process(message)
