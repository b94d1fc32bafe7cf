import hashlib

SCRIPT = """
if redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2]) == 1 then
    return redis.call('INCRBY', KEYS[2], ARGV[2])
end
"""


def handle(message, redis):
    shelf = "done:" + hashlib.sha256(message.id.encode()).hexdigest()[:2]
    if redis.hexists(shelf, message.id):
        return
    redis.eval(SCRIPT, 2, shelf, f"balance:{message.body['account']}", message.id, message.body["amount"])
