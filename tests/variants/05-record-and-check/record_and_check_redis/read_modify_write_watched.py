def handle(message, redis):
    key = f"balance:{message.body['account']}"

    def credit(pipe):
        done = pipe.hexists("payments", message.id)
        old = int(pipe.get(key) or 0)
        pipe.multi()
        if not done:
            pipe.hset("payments", message.id, message.body["amount"])
            pipe.set(key, old + message.body["amount"])

    redis.transaction(credit, "payments", key)
