# diagnosis: wrong-effect
def handle(message, redis):
    b = message.body
    redis.hsetnx(f"ledger:{b['account']}", b["transfer_id"], b["amount"])  # here


def balance(redis, account):
    return sum(int(amount) for _, amount in redis.hscan_iter(f"ledger:{account}"))
