# diagnosis: mark-before-effect
def handle(message, redis):
    body = message.body
    if redis.setnx(f"ledger:{body['account']}:{body['transfer_id']}", body["amount"]):  # here
        redis.incrby(f"balance:{body['account']}", body["amount"])  # here


def balance(redis, account):
    return int(redis.get(f"balance:{account}") or 0)
