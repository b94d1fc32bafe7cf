def handle(message, redis):
    body = message.body
    row = f"ledger:{body['account']}:{body['transfer_id']}"
    redis.set(row, body["amount"], nx=True)


def balance(redis, account):
    rows = sorted(set(redis.scan_iter(match=f"ledger:{account}:*")))
    return sum(int(amount) for amount in redis.mget(rows)) if rows else 0
