# diagnosis: expiring-mark
from redis.exceptions import WatchError

DAY = 24 * 60 * 60


def handle(message, redis):
    body = message.body
    mark = f"done:{body['account']}:{body['transfer_id']}"
    with redis.pipeline() as pipe:
        try:
            pipe.watch(mark)
            if pipe.get(mark):
                return
            pipe.multi()
            pipe.setnx(mark, 1)
            pipe.expire(mark, DAY)  # here
            pipe.incrby(f"balance:{body['account']}", body["amount"])
            pipe.execute()  # here
        except WatchError:
            raise Retry("a duplicate is at work")


def balance(redis, account):
    return int(redis.get(f"balance:{account}") or 0)
