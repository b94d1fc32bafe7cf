def handle(message, redis):
    b = message.body
    redis.hsetnx(f"ledger:{b['account']}", b["transfer_id"], b["amount"])


def balance(redis, account):
    return sum(map(int, dict(redis.hscan_iter(f"ledger:{account}")).values()))
