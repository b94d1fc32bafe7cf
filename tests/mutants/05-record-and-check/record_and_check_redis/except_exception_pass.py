# diagnosis: swallowed-conflict
def handle(message, redis):
    try:
        with redis.pipeline() as pipe:
            pipe.watch("payments")  # here
            if pipe.hexists("payments", message.id):
                return
            pipe.multi()
            pipe.hset("payments", message.id, message.body["amount"])
            pipe.incrby(f"balance:{message.body['account']}", message.body["amount"])
            pipe.execute()  # here
    except Exception:  # here
        pass  # here
