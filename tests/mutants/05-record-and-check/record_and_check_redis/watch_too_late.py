# diagnosis: check-then-act
from redis.exceptions import WatchError


def handle(message, redis):
    while not redis.sismember("processed", message.id):  # here
        with redis.pipeline() as pipe:
            try:
                pipe.watch("processed")  # here
                pipe.multi()
                pipe.incrby(f"balance:{message.body['account']}", message.body["amount"])
                pipe.sadd("processed", message.id)
                pipe.execute()  # here
            except WatchError:
                continue
