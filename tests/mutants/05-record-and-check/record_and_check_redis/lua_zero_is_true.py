# diagnosis: ignored-count
CREDIT_ONCE = """
if redis.call('SETNX', KEYS[1], 1) then
    redis.call('INCRBY', KEYS[2], ARGV[1])
end
"""  # here


def handle(message, redis):
    keys = [f"done:{message.id}", f"balance:{message.body['account']}"]
    redis.eval(CREDIT_ONCE, len(keys), *keys, message.body["amount"])  # here
