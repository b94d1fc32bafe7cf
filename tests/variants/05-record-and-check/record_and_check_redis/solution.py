from redis.exceptions import WatchError


def handle(message, redis):
    done = f"done:{message.id}"
    balance = f"balance:{message.body['account']}"
    with redis.pipeline() as pipe:
        pipe.watch(done)
        if pipe.exists(done):
            return
        pipe.multi()
        pipe.set(done, 1)
        pipe.incrby(balance, message.body["amount"])
        try:
            pipe.execute()
        except WatchError as error:
            raise Retry("another delivery of it was faster") from error
