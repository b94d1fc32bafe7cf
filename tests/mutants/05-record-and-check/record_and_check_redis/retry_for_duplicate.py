# diagnosis: never-acknowledged
from redis.exceptions import WatchError


def handle(message, redis):
    key = f"done:{message.id}"
    with redis.pipeline() as pipe:
        try:
            pipe.watch(key)
            if pipe.exists(key):
                raise Retry("somebody has done this one")  # here
            pipe.multi()
            pipe.set(key, 1)
            pipe.incrby(f"balance:{message.body['account']}", message.body["amount"])
            pipe.execute()
        except WatchError:
            raise Retry("somebody is doing this one")
