# diagnosis: poison-message
def handle(message, redis):
    def credit(pipe):
        if pipe.sismember("processed", message.id):
            raise ValueError(f"{message.id} was processed before")  # here
        pipe.multi()
        pipe.sadd("processed", message.id)
        pipe.incrby(f"balance:{message.body['account']}", message.body["amount"])

    redis.transaction(credit, "processed")  # here
