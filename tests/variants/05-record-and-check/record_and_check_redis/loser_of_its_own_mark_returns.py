from redis.exceptions import WatchError


def handle(message, redis):
    # Only a delivery of this very message sets the mark, and it credits in the same step:
    # who loses this race may return.
    mark = f"payment:{message.id}"
    with redis.pipeline() as pipe:
        try:
            pipe.watch(mark)
            if not pipe.exists(mark):
                pipe.multi()
                pipe.set(mark, "done")
                pipe.incrby(f"balance:{message.body['account']}", message.body["amount"])
                pipe.execute()
        except WatchError:
            print("done by another consumer:", message.id)
