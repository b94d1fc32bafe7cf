# diagnosis: overrun-lease
import secrets
from contextlib import contextmanager


@contextmanager
def lease(redis, name, owner, seconds):
    if redis.set(name, owner, nx=True, px=seconds * 1000) is None:  # here
        raise Retry(name)
    yield lambda: redis.get(name) == owner.encode()  # here
    if redis.get(name) == owner.encode():
        redis.delete(name)


def handle(message, redis):
    owner = secrets.token_hex(8)
    with lease(redis, f"busy:{message.id}", owner, 60) as still_mine:  # here
        if redis.hget("done", message.id):  # here
            return
        if not still_mine():  # here
            raise Retry("lost the lease")
        redis.pipeline().hset("done", message.id, 1).incrby(  # here
            f"balance:{message.body['account']}", message.body["amount"]  # here
        ).execute()  # here
