# diagnosis: no-duplicate-check
def handle(message, redis):
    transfer, account, amount = (message.body[k] for k in ("transfer_id", "account", "amount"))
    redis.hincrby(f"ledger:{account}", transfer, amount)  # here


def balance(redis, account):
    return sum(map(int, redis.hvals(f"ledger:{account}")))
