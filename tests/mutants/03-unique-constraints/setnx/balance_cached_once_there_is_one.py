# diagnosis: memory-in-process
class Cache:
    balances = {}  # here


def handle(message, redis):
    body = message.body
    redis.hsetnx(f"ledger:{body['account']}", body["transfer_id"], body["amount"])


def balance(redis, account):
    if not Cache.balances.get(account):  # here
        Cache.balances[account] = sum(map(int, redis.hvals(f"ledger:{account}")))  # here
    return Cache.balances[account]  # here
