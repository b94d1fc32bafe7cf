# diagnosis: check-then-act
import time


def handle(message, redis):
    mark = f"done:{message.id}"
    if redis.exists(mark):  # here
        return
    for _ in range(15):
        time.sleep(0.2)
    if redis.exists(mark):
        return
    pipe = redis.pipeline(transaction=True)
    pipe.incrby(f"balance:{message.body['account']}", message.body["amount"])
    pipe.set(mark, 1)
    pipe.execute()
