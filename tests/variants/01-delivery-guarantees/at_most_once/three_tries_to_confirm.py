class Consumer:
    TRIES = 3

    def __init__(self, queue, process):
        self.queue = queue
        self.process = process

    def mine(self, message):
        for _ in range(self.TRIES):
            try:
                self.queue.ack(message)
            except ConnectionError:
                continue
            return True
        return False

    def run(self):
        while (message := self.queue.receive()) is not None:
            if self.mine(message):
                self.process(message)


def at_most_once(queue, process):
    Consumer(queue, process).run()
