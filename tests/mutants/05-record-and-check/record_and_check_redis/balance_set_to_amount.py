# diagnosis: wrong-effect
def handle(message, redis):
    def work(pipe):
        if not pipe.sismember("processed", message.id):
            pipe.multi()
            pipe.set(f"balance:{message.body['account']}", message.body["amount"])  # here
            pipe.sadd("processed", message.id)

    redis.transaction(work, "processed")  # here
