# diagnosis: effect-before-mark
def handle(message, redis):
    balance = f"balance:{message.body['account']}"
    redis.incrby(balance, message.body["amount"])  # here
    if not redis.setnx(f"done:{message.id}", 1):  # here
        redis.decrby(balance, message.body["amount"])  # here
