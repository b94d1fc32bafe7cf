# diagnosis: no-duplicate-check
def handle(message, redis):
    mark, balance = f"done:{message.id}", f"balance:{message.body['account']}"

    def credit(pipe):
        if not int(pipe.get(mark) or 0):  # here
            new = int(pipe.get(balance) or 0) + message.body["amount"]
            pipe.multi()
            pipe.set(mark, new)
            pipe.set(balance, new)

    redis.transaction(credit, mark, balance)
