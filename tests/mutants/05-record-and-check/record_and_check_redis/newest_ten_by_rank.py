# diagnosis: expiring-mark
SCRIPT = """
if redis.call('ZSCORE', KEYS[1], ARGV[1]) then return end
redis.call('ZADD', KEYS[1], redis.call('INCR', KEYS[3]), ARGV[1])
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -11)
redis.call('INCRBY', KEYS[2], ARGV[2])
"""


def handle(message, redis):
    keys = ["seen", f"balance:{message.body['account']}", "clock"]
    redis.eval(SCRIPT, 3, *keys, message.id, message.body["amount"])  # here
