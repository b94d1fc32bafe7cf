# diagnosis: overrun-lease
def handle(message, redis):
    done = f"done:{message.id}"
    lock = redis.lock(f"lock:{message.id}", timeout=10, blocking=False)  # here
    if not lock.acquire():  # here
        raise Retry("locked")
    try:
        if redis.get(done) is None:  # here
            pipe = redis.pipeline()
            pipe.set(done, 1).incrby(f"balance:{message.body['account']}", message.body["amount"])  # here
            pipe.execute()  # here
    finally:
        lock.release()
