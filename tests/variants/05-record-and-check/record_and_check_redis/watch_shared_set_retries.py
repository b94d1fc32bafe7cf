import redis as redis_py


def handle(message, redis):
    pipe = redis.pipeline()
    try:
        pipe.watch("processed")
        if pipe.sismember("processed", message.id):
            return
        pipe.multi()
        pipe.sadd("processed", message.id)
        pipe.incrby(f"balance:{message.body['account']}", message.body["amount"])
        added, _balance = pipe.execute()
        assert added == 1
    except redis_py.WatchError:
        raise Retry("the set has changed")
    finally:
        pipe.reset()
