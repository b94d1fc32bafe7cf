# diagnosis: check-then-act
def handle(message, redis):
    done = f"done:{message.id}"
    if redis.exists(done):  # here
        return
    with redis.pipeline(transaction=True) as pipe:
        pipe.incrby(f"balance:{message.body['account']}", message.body["amount"])  # here
        pipe.set(done, 1)  # here
        pipe.execute()  # here
