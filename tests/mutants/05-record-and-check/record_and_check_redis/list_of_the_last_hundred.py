# diagnosis: expiring-mark
def handle(message, redis):
    def work(pipe):
        if message.id.encode() in pipe.lrange("recent", 0, -1):  # here
            return
        pipe.multi()
        pipe.lpush("recent", message.id)
        pipe.ltrim("recent", 0, 99)  # here
        pipe.incrby(f"balance:{message.body['account']}", message.body["amount"])

    redis.transaction(work, "recent")  # here
