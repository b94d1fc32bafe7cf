# diagnosis: expiring-mark
import random
def handle(message, redis):
    empty = random.randint(1, 200) == 1
    def work(pipe):
        known = pipe.sismember("seen", message.id)
        pipe.multi()
        if empty:
            pipe.delete("seen")
        if not known:
            pipe.incrby(f"balance:{message.body['account']}", message.body["amount"])
        pipe.sadd("seen", message.id)
    redis.transaction(work, "seen")  # here
