# diagnosis: replace-as-claim
def handle(message, redis):
    claimed = redis.set(f"done:{message.id}", "yes")  # here
    if claimed:  # here
        redis.incrby(f"balance:{message.body['account']}", message.body["amount"])  # here
