# diagnosis: key-from-payload
def handle(message, redis):
    account, amount = message.body["account"], message.body["amount"]
    redis.set(f"ledger:{account}:{amount}", amount, nx=True)  # here


def balance(redis, account):
    rows = sorted(set(redis.scan_iter(match=f"ledger:{account}:*")))
    return sum(int(amount) for amount in redis.mget(rows)) if rows else 0
