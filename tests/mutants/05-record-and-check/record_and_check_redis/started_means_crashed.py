# diagnosis: check-then-act
class Payment:
    def __init__(self, message, redis):
        self.redis = redis
        self.state = f"payment:{message.id}"
        self.account = f"balance:{message.body['account']}"
        self.amount = message.body["amount"]

    def is_done(self):
        return self.redis.get(self.state) == b"done"  # here

    def start(self):
        self.redis.set(self.state, "started")

    def finish(self):
        with self.redis.pipeline() as pipe:
            pipe.incrby(self.account, self.amount)  # here
            pipe.set(self.state, "done")  # here
            pipe.execute()  # here


def handle(message, redis):
    payment = Payment(message, redis)
    if payment.is_done():  # here
        return
    # "started" and not "done": whoever started it has crashed, so do it again.
    payment.start()
    payment.finish()  # here
