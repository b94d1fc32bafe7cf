# diagnosis: key-collision
from redis.exceptions import WatchError


def handle(message, redis):
    with redis.pipeline() as pipe:
        pipe.watch(f"done:{message.id}")
        if pipe.keys(f"done:{message.id}*"):  # here
            return
        pipe.multi()
        pipe.set(f"done:{message.id}", message.body["amount"])
        pipe.incrby(f"balance:{message.body['account']}", message.body["amount"])
        try:
            pipe.execute()
        except WatchError:
            raise Retry("somebody was faster") from None
