# diagnosis: lost-update
def handle(message, redis):
    body = message.body
    redis.hsetnx(f"ledger:{body['account']}", body["transfer_id"], body["amount"])
    total = sum(int(amount) for amount in redis.hvals(f"ledger:{body['account']}"))  # here
    redis.set(f"balance:{body['account']}", total)  # here


def balance(redis, account):
    return int(redis.get(f"balance:{account}") or 0)
