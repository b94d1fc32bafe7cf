# diagnosis: key-from-delivery
def handle(message, redis):
    if message.redelivered:  # here
        return  # here
    redis.incrby(f"balance:{message.body['account']}", message.body["amount"])  # here
