# diagnosis: effect-before-mark
def handle(message, redis):
    balance = f"balance:{message.body['account']}"
    with redis.pipeline() as pipe:
        pipe.sadd("processed", message.id)  # here
        pipe.incrby(balance, message.body["amount"])  # here
        added, _ = pipe.execute()  # here
    if not added:  # here
        redis.decrby(balance, message.body["amount"])  # here
