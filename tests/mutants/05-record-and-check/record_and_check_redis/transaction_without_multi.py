# diagnosis: check-then-act
def handle(message, redis):
    done = f"done:{message.id}"
    balance = f"balance:{message.body['account']}"

    def credit(pipe):
        if not pipe.exists(done):  # here
            pipe.incrby(balance, message.body["amount"])  # here
            pipe.set(done, "yes")  # here

    redis.transaction(credit, done)  # here
