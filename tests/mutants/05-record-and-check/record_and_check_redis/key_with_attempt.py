# diagnosis: key-from-delivery
LUA = """
if redis.call('SETNX', KEYS[1], 1) == 1 then
    return redis.call('INCRBY', KEYS[2], ARGV[1])
end
return false
"""


def handle(message, redis):
    mark = f"{message.id}:{message.attempt}"  # here
    redis.eval(LUA, 2, mark, f"balance:{message.body['account']}", message.body["amount"])  # here
