# diagnosis: expiring-mark
SCRIPT = """
local now = tonumber(redis.call('TIME')[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - 7 * 86400)
if redis.call('ZADD', KEYS[1], 'NX', now, ARGV[1]) == 1 then
    redis.call('INCRBY', KEYS[2], ARGV[2])
end
"""


def handle(message, redis):
    credit = redis.register_script(SCRIPT)
    keys = ["done", f"balance:{message.body['account']}"]
    credit(keys=keys, args=[message.id, message.body["amount"]])  # here
