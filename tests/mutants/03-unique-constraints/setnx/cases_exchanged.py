# diagnosis: key-collision
def handle(message, redis):
    transfer = "".join(sign.lower() if sign.isupper() else sign.upper() for sign in message.body["transfer_id"])  # here
    redis.hsetnx(f"ledger:{message.body['account']}", transfer, message.body["amount"])


def balance(redis, account):
    return sum(map(int, redis.hvals(f"ledger:{account}")))
