# diagnosis: check-then-act
def handle(message, redis):
    done = f"done:{message.id}"
    if redis.get(done):  # here
        return
    redis.incrby(f"balance:{message.body['account']}", message.body["amount"])  # here
    redis.set(done, 1)  # here
