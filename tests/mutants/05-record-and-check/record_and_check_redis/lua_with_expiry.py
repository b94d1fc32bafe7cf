# diagnosis: expiring-mark
ONCE = """
if redis.call('SET', KEYS[1], '1', 'NX', 'EX', 3600) then
    redis.call('INCRBY', KEYS[2], ARGV[1])
end
"""  # here


def handle(message, redis):
    redis.eval(ONCE, 2, f"done:{message.id}", f"balance:{message.body['account']}", message.body["amount"])  # here
