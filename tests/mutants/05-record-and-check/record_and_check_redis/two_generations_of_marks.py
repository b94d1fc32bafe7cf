# diagnosis: expiring-mark
def handle(message, redis):
    def work(pipe):
        known = pipe.sismember("new", message.id) or pipe.sismember("old", message.id)  # here
        full = pipe.scard("new") >= 5  # here
        pipe.multi()
        if known:
            return
        if full:
            pipe.rename("new", "old")  # here
        pipe.sadd("new", message.id)
        pipe.incrby(f"balance:{message.body['account']}", message.body["amount"])

    redis.transaction(work, "new", "old")  # here
