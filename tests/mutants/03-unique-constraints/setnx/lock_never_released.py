# diagnosis: unreleased-claim
def handle(message, redis):
    body = message.body
    lock, row = f"lock:{message.id}", f"{body['account']}:{body['transfer_id']}"
    if not redis.set(lock, "taken", nx=True):  # here
        raise Retry("another consumer is at work")  # here
    try:
        if not redis.hexists("ledger", row):
            with redis.pipeline() as pipe:
                pipe.hset("ledger", row, body["amount"])
                pipe.hincrby("balance", body["account"], body["amount"])
                pipe.execute()
    finally:
        redis.delete(lock)  # here


def balance(redis, account):
    return int(redis.hget("balance", account) or 0)
