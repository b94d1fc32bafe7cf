import functools

from redis.exceptions import WatchError


def once(effect):
    @functools.wraps(effect)
    def handle(message, redis):
        mark = f"{effect.__name__}:{message.id}"
        for _ in range(3):
            with redis.pipeline() as pipe:
                pipe.watch(mark)
                if pipe.exists(mark):
                    return
                pipe.multi()
                effect(message, pipe)
                pipe.set(mark, "done")
                try:
                    pipe.execute()
                    return
                except WatchError:
                    continue
        raise Retry("busy")

    return handle


@once
def credit(message, redis):
    redis.incrby(f"balance:{message.body['account']}", message.body["amount"])


handle = credit
