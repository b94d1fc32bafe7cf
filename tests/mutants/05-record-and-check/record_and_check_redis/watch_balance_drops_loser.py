# diagnosis: swallowed-conflict
from redis.exceptions import WatchError


def handle(message, redis):
    done = f"done:{message.id}"
    balance = f"balance:{message.body['account']}"
    with redis.pipeline() as pipe:
        try:
            pipe.watch(balance)  # here
            if pipe.exists(done):
                return
            pipe.multi()
            pipe.incrby(balance, message.body["amount"])
            pipe.set(done, 1)
            pipe.execute()  # here
        except WatchError:  # here
            return  # here
