def handle(message, redis):
    account = message.body["account"]
    row = f"ledger:{message.body['transfer_id']}:{account}"
    redis.setnx(row, message.body["amount"])
    redis.sadd(f"index:{account}", row)  # repeated by a duplicate: no harm


def balance(redis, account):
    rows = sorted(redis.smembers(f"index:{account}"))
    if not rows:
        return 0
    return sum(int(amount) for amount in redis.mget(rows) if amount is not None)
