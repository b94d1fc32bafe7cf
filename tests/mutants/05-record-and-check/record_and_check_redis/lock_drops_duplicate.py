# diagnosis: unreleased-claim
def handle(message, redis):
    lock = f"in progress:{message.id}"
    if not redis.set(lock, "me", nx=True):  # here
        return  # here
    try:
        if redis.get(f"done:{message.id}") is None:
            pipe = redis.pipeline()
            pipe.incrby(f"balance:{message.body['account']}", message.body["amount"])
            pipe.set(f"done:{message.id}", 1)
            pipe.execute()
    finally:
        redis.delete(lock)  # here
