# diagnosis: endless-loop
from redis.exceptions import WatchError


def handle(message, redis):
    state = f"state:{message.id}"
    with redis.pipeline() as pipe:
        while True:  # here
            try:
                pipe.watch(state)  # here
                if pipe.get(state) == b"done":
                    return
                redis.set(state, "working")  # here
                pipe.multi()
                pipe.incrby(f"balance:{message.body['account']}", message.body["amount"])
                pipe.set(state, "done")
                pipe.execute()  # here
                return
            except WatchError:  # here
                continue  # here
