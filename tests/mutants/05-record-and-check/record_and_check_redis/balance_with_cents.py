# diagnosis: wrong-effect
def handle(message, redis):
    done, balance = f"done:{message.id}", f"balance:{message.body['account']}"

    def credit(pipe):
        if pipe.exists(done):
            return
        held = float(pipe.get(balance) or 0)
        pipe.multi()
        pipe.set(balance, f"{held + message.body['amount']:.2f}")  # here
        pipe.set(done, 1)

    redis.transaction(credit, done, balance)  # here
