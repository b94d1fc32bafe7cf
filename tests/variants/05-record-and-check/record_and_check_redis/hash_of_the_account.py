from contextlib import contextmanager

from redis.exceptions import WatchError


@contextmanager
def watching(redis, *keys):
    with redis.pipeline() as pipe:
        pipe.watch(*keys)
        try:
            yield pipe
        except WatchError as error:
            raise Retry(str(error)) from error


def handle(message, redis):
    match message.body:
        case {"account": account, "amount": amount}:
            ledger = f"ledger:{account}"
    with watching(redis, ledger) as pipe:
        if pipe.hget(ledger, message.id) is None:
            pipe.multi()
            pipe.hsetnx(ledger, message.id, amount)
            pipe.incrby(f"balance:{account}", amount)
            pipe.execute()
