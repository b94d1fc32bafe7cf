# diagnosis: mark-before-effect
def handle(message, redis):
    with redis.lock("l", timeout=10):
        if redis.sismember("done", message.id):
            return
        redis.sadd("done", message.id)  # here
        redis.incrby(f"balance:{message.body['account']}", message.body["amount"])
