# diagnosis: ignored-count
def handle(message, redis):
    body = message.body
    with redis.pipeline() as pipe:
        pipe.setnx(f"ledger:{body['account']}:{body['transfer_id']}", body["amount"])  # here
        pipe.incrby(f"balance:{body['account']}", body["amount"])  # here
        pipe.execute()  # here


def balance(redis, account):
    return int(redis.get(f"balance:{account}") or 0)
