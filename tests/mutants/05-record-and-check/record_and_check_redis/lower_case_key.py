# diagnosis: key-collision
def handle(message, redis):
    mark = "processed:" + message.id.casefold()  # here

    def credit(pipe):
        if not pipe.exists(mark):  # here
            pipe.multi()
            pipe.set(mark, 1)
            pipe.incrby(f"balance:{message.body['account']}", message.body["amount"])

    redis.transaction(credit, mark)
