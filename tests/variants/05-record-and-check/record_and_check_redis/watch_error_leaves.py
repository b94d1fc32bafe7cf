def handle(message, redis):
    with redis.pipeline() as pipe:
        pipe.watch(f"done:{message.id}")
        if pipe.get(f"done:{message.id}"):
            return
        pipe.multi()
        pipe.set(f"done:{message.id}", 1).incrby(f"balance:{message.body['account']}", message.body["amount"])
        pipe.execute()
