# diagnosis: no-duplicate-check
def handle(message, redis):
    redis.incrby(f"balance:{message.body['account']}", message.body["amount"])  # here
