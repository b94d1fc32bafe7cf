# diagnosis: expiring-mark
from redis.exceptions import WatchError

A_DAY = 24 * 60 * 60


def handle(message, redis):
    mark = f"payment:{message.id}:done"
    with redis.pipeline() as pipe:
        pipe.watch(mark)
        if pipe.exists(mark):  # here
            return
        pipe.multi()
        pipe.incrby(f"balance:{message.body['account']}", message.body["amount"])
        pipe.setex(mark, A_DAY, "done")  # here
        try:
            pipe.execute()  # here
        except WatchError as error:
            raise Retry("another delivery came first") from error
