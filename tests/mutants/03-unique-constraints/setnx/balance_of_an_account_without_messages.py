# diagnosis: wrong-effect
ONCE = """
if redis.call('SADD', KEYS[1], ARGV[1]) == 1 then redis.call('INCRBY', KEYS[2], ARGV[2]) end"""


def handle(message, redis):
    body = message.body
    redis.eval(ONCE, 2, f"done:{body['account']}", f"bal:{body['account']}", body["transfer_id"], body["amount"])


def balance(redis, account):
    return int(redis.get(f"bal:{account}"))  # here
