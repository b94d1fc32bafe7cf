# diagnosis: key-from-payload
from redis.exceptions import WatchError


def handle(message, redis):
    account, amount = message.body["account"], message.body["amount"]
    mark = f"done:{account}:{amount}"  # here
    with redis.pipeline() as pipe:
        pipe.watch(mark)
        if pipe.exists(mark):  # here
            return
        pipe.multi()
        pipe.set(mark, 1)
        pipe.incrby(f"balance:{account}", amount)
        try:
            pipe.execute()
        except WatchError:
            raise Retry("once more")
