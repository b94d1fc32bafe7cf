# diagnosis: key-collision
ONCE = """
if redis.call('SADD', KEYS[1], ARGV[1]) == 1 then redis.call('INCRBY', KEYS[2], ARGV[2]) end"""


def handle(message, redis):
    mark = message.id.swapcase()  # here
    redis.eval(ONCE, 2, "processed", f"balance:{message.body['account']}", mark, message.body["amount"])
