# diagnosis: poison-message
def handle(message, redis):
    body = message.body
    new = redis.hsetnx(f"ledger:{body['account']}", body["transfer_id"], body["amount"])
    if not new:  # here
        raise KeyError(body["transfer_id"])  # here


def balance(redis, account):
    return sum(int(amount) for amount in redis.hvals(f"ledger:{account}"))
