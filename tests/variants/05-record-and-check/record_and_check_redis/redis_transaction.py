def handle(message, redis):
    done = f"done:{message.id}"

    def credit(pipe):
        if not pipe.exists(done):
            pipe.multi()
            pipe.set(done, 1)
            pipe.incrby(f"balance:{message.body['account']}", message.body["amount"])

    redis.transaction(credit, done)
