# diagnosis: key-from-delivery
def handle(message, redis):
    body = message.body
    field = f"{body['transfer_id']}#{message.attempt}"  # here
    redis.hsetnx(f"ledger:{body['account']}", field, body["amount"])  # here


def balance(redis, account):
    return sum(int(amount) for amount in redis.hvals(f"ledger:{account}"))
