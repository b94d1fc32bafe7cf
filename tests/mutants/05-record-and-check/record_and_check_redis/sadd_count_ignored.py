# diagnosis: ignored-count
def handle(message, redis):
    with redis.pipeline() as pipe:
        pipe.sadd("processed", message.id)  # here
        pipe.incrby(f"balance:{message.body['account']}", message.body["amount"])  # here
        added, balance = pipe.execute()  # here
    print("new" if added else "duplicate", balance)  # here
