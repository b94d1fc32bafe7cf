# diagnosis: swallowed-error
class Breaker:
    def __init__(self, limit=2):
        self.failures, self.limit = 0, limit

    @property
    def open(self):
        return self.failures >= self.limit

    def call(self, function, *args):
        if self.open:
            return None
        try:
            result = function(*args)
        except RuntimeError:
            self.failures += 1
            raise
        self.failures = 0
        return result


def at_least_once(queue, process):
    breaker = Breaker()
    while (message := queue.receive()) is not None:
        try:
            breaker.call(process, message)
        except RuntimeError:  # here
            continue
        queue.ack(message)
