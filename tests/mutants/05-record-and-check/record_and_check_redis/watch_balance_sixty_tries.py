# diagnosis: swallowed-conflict
from redis.exceptions import WatchError


def handle(message, redis):
    mark, balance = "done:" + message.id, f"balance:{message.body['account']}"
    for _ in range(60):
        with redis.pipeline() as pipe:
            pipe.watch(balance)  # each credit changes it, that of a duplicate too
            if pipe.exists(mark):
                return
            pipe.multi()
            pipe.set(mark, 1)
            pipe.incrby(balance, message.body["amount"])
            try:
                pipe.execute()  # here
            except WatchError:
                pass
            else:
                return
