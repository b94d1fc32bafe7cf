# When each payment was credited is of interest to somebody, and nothing is taken out.
import time


def handle(message, redis):
    def work(pipe):
        known = pipe.zscore("done", message.id)
        pipe.multi()
        if known is None:
            pipe.zadd("done", {message.id: time.time()})
            pipe.incrby(f"balance:{message.body['account']}", message.body["amount"])

    redis.transaction(work, "done")
