# diagnosis: swallowed-conflict
from redis.exceptions import WatchError


def handle(message, redis):
    body = message.body
    entry = f"{body['account']}:{body['transfer_id']}"
    with redis.pipeline() as pipe:
        try:
            pipe.watch("ledger")  # here
            if pipe.sismember("ledger", entry):
                return
            pipe.multi()
            pipe.sadd("ledger", entry)
            pipe.incrby(f"balance:{body['account']}", body["amount"])
            pipe.execute()  # here
        except WatchError:  # here
            return  # here


def balance(redis, account):
    return int(redis.get(f"balance:{account}") or 0)
