# diagnosis: effect-before-mark
def handle(message, redis):
    with redis.lock("l", timeout=10):
        if redis.sismember("done", message.id):
            return
        redis.incrby(f"balance:{message.body['account']}", message.body["amount"])  # here
        redis.sadd("done", message.id)
