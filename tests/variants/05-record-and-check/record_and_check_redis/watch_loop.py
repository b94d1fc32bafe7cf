from redis.exceptions import WatchError


def handle(message, redis):
    done = f"done:{message.id}"
    with redis.pipeline() as pipe:
        while True:
            try:
                pipe.watch(done)
                if pipe.get(done) is not None:
                    break
                pipe.multi()
                pipe.incrby(f"balance:{message.body['account']}", message.body["amount"])
                pipe.set(done, "yes")
                pipe.execute()
                break
            except WatchError:
                continue
