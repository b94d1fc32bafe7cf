# diagnosis: no-duplicate-check
import time


def handle(message, redis):
    done = f"done:{message.id}"

    def work(pipe):
        if pipe.exists(done):  # here
            return
        pipe.multi()
        pipe.set(done, 1, exat=int(time.time()) + 30 * 86400)  # here
        pipe.incrby(f"balance:{message.body['account']}", message.body["amount"])

    redis.transaction(work, done)  # here
