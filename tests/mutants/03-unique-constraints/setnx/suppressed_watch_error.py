# diagnosis: swallowed-conflict
from contextlib import suppress

import redis as redis_py


def handle(message, redis):
    account, amount = message.body["account"], message.body["amount"]
    row, total = f"row:{account}:{message.body['transfer_id']}", f"balance:{account}"
    with suppress(redis_py.WatchError), redis.pipeline() as pipe:  # here
        pipe.watch(row, total)  # here
        known, before = pipe.exists(row), int(pipe.get(total) or 0)
        if not known:
            pipe.multi()
            pipe.set(row, amount)
            pipe.set(total, before + amount)
            pipe.execute()  # here


def balance(redis, account):
    return int(redis.get(f"balance:{account}") or 0)
