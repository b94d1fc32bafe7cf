# diagnosis: key-from-payload
def handle(message, redis):
    redis.sadd(f"amounts:{message.body['account']}", message.body["amount"])  # here


def balance(redis, account):
    return sum(int(amount) for amount in redis.smembers(f"amounts:{account}"))
