# diagnosis: mark-before-effect
def handle(message, redis):
    transfer, account, amount = (message.body[k] for k in ("transfer_id", "account", "amount"))
    before = redis.set(f"{account}/{transfer}", amount, get=True)  # here
    if before is None:
        redis.hincrby("balances", account, amount)  # here


def balance(redis, account):
    return int(redis.hget("balances", account) or 0)
