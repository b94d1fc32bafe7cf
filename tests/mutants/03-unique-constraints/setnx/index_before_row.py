# diagnosis: wrong-effect
def handle(message, redis):
    b = message.body
    row = f"row:{b['account']}:{b['transfer_id']}"
    redis.sadd(f"index:{b['account']}", row)
    redis.set(row, b["amount"], nx=True)


def balance(redis, account):
    return sum(int(redis.get(row)) for row in redis.smembers(f"index:{account}"))  # here
