# diagnosis: effect-before-mark
def handle(message, redis):
    body = message.body
    redis.incrby(f"balance:{body['account']}", body["amount"])  # here
    if not redis.setnx(f"ledger:{body['account']}:{body['transfer_id']}", body["amount"]):  # here
        redis.decrby(f"balance:{body['account']}", body["amount"])


def balance(redis, account):
    return int(redis.get(f"balance:{account}") or 0)
