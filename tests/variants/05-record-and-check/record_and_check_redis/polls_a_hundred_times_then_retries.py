import time


def handle(message, redis):
    for _ in range(100):
        with redis.pipeline() as pipe:
            pipe.watch(f"done:{message.id}")
            if pipe.exists(f"done:{message.id}"):
                return
            pipe.multi()
            pipe.incrby(f"balance:{message.body['account']}", message.body["amount"])
            pipe.set(f"done:{message.id}", 1)
            try:
                pipe.execute()
                return
            except Exception:
                time.sleep(0.05)
    raise Retry("others were faster a hundred times")
