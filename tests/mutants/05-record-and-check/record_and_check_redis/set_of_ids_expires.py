# diagnosis: expiring-mark
def handle(message, redis):
    def credit(pipe):
        if pipe.sismember("processed", message.id):  # here
            return
        pipe.multi()
        pipe.incrby(f"balance:{message.body['account']}", message.body["amount"])
        pipe.sadd("processed", message.id)
        pipe.expire("processed", 7 * 86400)  # here

    redis.transaction(credit, "processed")  # here
