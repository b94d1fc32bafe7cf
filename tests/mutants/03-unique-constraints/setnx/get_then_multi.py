# diagnosis: check-then-act
def handle(message, redis):
    body = message.body
    row = f"ledger:{body['account']}:{body['transfer_id']}"
    if redis.get(row) is not None:  # here
        return
    with redis.pipeline() as pipe:
        pipe.set(row, body["amount"])  # here
        pipe.incrby(f"balance:{body['account']}", body["amount"])  # here
        pipe.execute()  # here


def balance(redis, account):
    return int(redis.get(f"balance:{account}") or 0)
