# diagnosis: unreleased-claim
def handle(message, redis):
    busy, done = f"busy:{message.id}", f"done:{message.id}"
    if not redis.setnx(busy, 1):  # here
        raise Retry("another consumer is at work")  # here
    if redis.exists(done):
        redis.delete(busy)
        return
    with redis.pipeline() as pipe:
        pipe.incrby(f"balance:{message.body['account']}", message.body["amount"])
        pipe.set(done, 1)
        pipe.delete(busy)  # here
        pipe.execute()
