# diagnosis: mark-before-effect
def handle(message, redis):
    if not redis.setnx(f"done:{message.id}", 1):  # here
        return
    redis.incrby(f"balance:{message.body['account']}", message.body["amount"])  # here
