# diagnosis: ack-after-effect
from contextlib import contextmanager


@contextmanager
def acknowledged(queue, message):
    yield message  # here
    queue.ack(message)  # here


def at_most_once(queue, process):
    while message := queue.receive():
        with acknowledged(queue, message):
            process(message)  # here
