# diagnosis: expiring-mark
import time
def handle(message, redis):
    bucket = f"seen:{int(time.time()) // 60 % 60}"
    def work(pipe):
        known = pipe.sismember(bucket, message.id)  # here
        pipe.multi()
        if not known:
            pipe.sadd(bucket, message.id)
            pipe.incrby(f"balance:{message.body['account']}", message.body["amount"])
    redis.transaction(work, bucket)
