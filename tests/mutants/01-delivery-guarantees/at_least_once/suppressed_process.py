# diagnosis: swallowed-error
import contextlib


class Worker:
    def __init__(self, queue, process):
        self.queue, self.process = queue, process

    def work(self, message):
        with contextlib.suppress(RuntimeError):  # here
            self.process(message)  # here

    def run(self):
        for message in iter(self.queue.receive, None):
            self.work(message)  # here
            self.queue.ack(message)  # here


def at_least_once(queue, process):
    Worker(queue, process).run()
