# diagnosis: expiring-mark
def handle(message, redis):
    body = message.body
    row = f"ledger:{body['account']}:{body['transfer_id']}"
    redis.set(row, body["amount"], nx=True, ex=7 * 24 * 60 * 60)  # here


def balance(redis, account):
    rows = sorted(redis.keys(f"ledger:{account}:*"))
    return sum(int(amount) for amount in redis.mget(rows)) if rows else 0
