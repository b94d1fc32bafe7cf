class Delivery:
    def __init__(self, queue, message):
        self.queue, self.message = queue, message

    def __enter__(self):
        return self.message

    def __exit__(self, kind, error, traceback):
        if kind is None:
            self.queue.ack(self.message)


def at_least_once(queue, process):
    while message := queue.receive():
        with Delivery(queue, message):
            process(message)
