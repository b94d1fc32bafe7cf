# diagnosis: unreleased-claim
def handle(message, redis):
    mark = f"done:{message.id}"
    with redis.lock(f"lock:{message.body['account']}"):  # here
        if redis.exists(mark):
            return
        pipe = redis.pipeline()
        pipe.set(mark, 1)
        pipe.incrby(f"balance:{message.body['account']}", message.body["amount"])
        pipe.execute()
