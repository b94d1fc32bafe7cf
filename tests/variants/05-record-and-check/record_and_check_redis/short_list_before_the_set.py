# The last ten ids are looked at first; the set of all of them decides.
def handle(message, redis):
    if message.id.encode() in redis.lrange("recent", 0, 9):
        return

    def work(pipe):
        known = pipe.sismember("done", message.id)
        pipe.multi()
        if not known:
            pipe.sadd("done", message.id)
            pipe.lpush("recent", message.id)
            pipe.ltrim("recent", 0, 9)
            pipe.incrby(f"balance:{message.body['account']}", message.body["amount"])

    redis.transaction(work, "done")
