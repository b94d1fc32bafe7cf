# diagnosis: check-then-act
def handle(message, redis):
    transfer, account, amount = (message.body[k] for k in ("transfer_id", "account", "amount"))
    if not redis.hexists("ledger", f"{transfer}/{account}"):  # here
        pipe = redis.pipeline(transaction=True)
        pipe.rpush(f"amounts:{account}", amount)  # here
        pipe.hset("ledger", f"{transfer}/{account}", amount)  # here
        pipe.execute()  # here


def balance(redis, account):
    return sum(map(int, redis.lrange(f"amounts:{account}", 0, -1)))
