# diagnosis: no-duplicate-check
def handle(message, redis):
    def credit(pipe):
        if message.id in pipe.smembers("processed"):  # here
            return
        pipe.multi()
        pipe.sadd("processed", message.id)
        pipe.incrby(f"balance:{message.body['account']}", message.body["amount"])  # here

    redis.transaction(credit, "processed")  # here
