# diagnosis: no-duplicate-check
def handle(message, redis):
    body = message.body
    known = redis.smembers(f"transfers:{body['account']}")  # here
    if body["transfer_id"] in known:  # here
        return
    with redis.pipeline() as pipe:
        pipe.sadd(f"transfers:{body['account']}", body["transfer_id"])
        pipe.incrby(f"balance:{body['account']}", body["amount"])  # here
        pipe.execute()


def balance(redis, account):
    return int(redis.get(f"balance:{account}") or 0)
