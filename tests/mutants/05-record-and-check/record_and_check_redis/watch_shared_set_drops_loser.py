# diagnosis: swallowed-conflict
import redis as redis_py


def handle(message, redis):
    try:
        with redis.pipeline() as pipe:
            pipe.watch("processed")  # here
            if not pipe.sismember("processed", message.id):
                pipe.multi()
                pipe.sadd("processed", message.id)
                pipe.incrby(f"balance:{message.body['account']}", message.body["amount"])
                pipe.execute()  # here
    except redis_py.WatchError:  # here
        print("another consumer has done it:", message.id)  # here
