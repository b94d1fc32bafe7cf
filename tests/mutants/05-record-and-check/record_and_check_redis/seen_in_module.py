# diagnosis: memory-in-process
seen = set()  # here


def handle(message, redis):
    if message.id in seen:  # here
        return
    redis.incrby(f"balance:{message.body['account']}", message.body["amount"])  # here
    seen.add(message.id)  # here
