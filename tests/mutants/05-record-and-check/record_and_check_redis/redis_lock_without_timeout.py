# diagnosis: unreleased-claim
def handle(message, redis):
    lock = redis.lock("lock:" + message.id)  # here
    if not lock.acquire(blocking=False):  # here
        raise Retry("locked")  # here
    try:
        if not redis.sismember("done", message.id):
            with redis.pipeline() as pipe:
                pipe.sadd("done", message.id)
                pipe.incrby(f"balance:{message.body['account']}", message.body["amount"])
                pipe.execute()
    finally:
        lock.release()  # here
