# diagnosis: lost-update
def handle(message, redis):
    done = f"done:{message.id}"
    key = f"balance:{message.body['account']}"

    def credit(pipe):
        if pipe.exists(done):
            return
        balance = int(pipe.get(key) or 0)  # here
        pipe.multi()
        pipe.set(key, balance + message.body["amount"])  # here
        pipe.set(done, 1)

    redis.transaction(credit, done)  # here
