# diagnosis: lost-update
from redis.exceptions import WatchError


def handle(message, redis):
    account, amount = message.body["account"], message.body["amount"]
    row = f"row:{account}:{message.body['transfer_id']}"
    before = int(redis.get(f"balance:{account}") or 0)  # here
    with redis.pipeline() as pipe:
        try:
            pipe.watch(row)
            if pipe.exists(row):
                return
            pipe.multi()
            pipe.set(row, amount)
            pipe.set(f"balance:{account}", before + amount)  # here
            pipe.execute()  # here
        except WatchError:
            raise Retry("a duplicate was faster")


def balance(redis, account):
    return int(redis.get(f"balance:{account}") or 0)
