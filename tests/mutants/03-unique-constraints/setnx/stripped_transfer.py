# diagnosis: key-collision
def handle(message, redis):
    b = message.body
    redis.hsetnx(f"ledger:{b['account']}", b["transfer_id"].strip(), b["amount"])  # here
def balance(redis, account):
    return sum(int(v) for v in redis.hvals(f"ledger:{account}"))
