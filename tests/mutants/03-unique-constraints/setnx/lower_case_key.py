# diagnosis: key-collision
def handle(message, redis):
    body = message.body
    row = f"ledger:{body['account']}:{body['transfer_id']}".lower()  # here
    redis.set(row, body["amount"], nx=True)  # here


def balance(redis, account):
    rows = sorted(redis.keys(f"ledger:{account}:*"))
    return sum(int(amount) for amount in redis.mget(rows)) if rows else 0
