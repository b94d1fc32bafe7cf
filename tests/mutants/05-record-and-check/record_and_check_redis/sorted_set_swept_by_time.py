# diagnosis: expiring-mark
import time


def handle(message, redis):
    now = time.time()

    def work(pipe):
        old = pipe.zscore("done", message.id)  # here
        pipe.multi()
        pipe.zremrangebyscore("done", "-inf", now - 86400)  # here
        if old is None:
            pipe.zadd("done", {message.id: now})
            pipe.incrby(f"balance:{message.body['account']}", message.body["amount"])

    redis.transaction(work, "done")  # here
