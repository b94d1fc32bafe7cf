# diagnosis: effect-before-mark
from redis.exceptions import WatchError


def handle(message, redis):
    done = f"done:{message.id}"
    with redis.pipeline() as pipe:
        while True:
            try:
                pipe.watch(done)
                if pipe.get(done):
                    return
                pipe.multi()
                redis.incrby(f"balance:{message.body['account']}", message.body["amount"])  # here
                pipe.set(done, 1)  # here
                pipe.execute()  # here
                return
            except WatchError:
                continue
