import uuid

CREDIT = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
    return 'lease lost'
end
redis.call('DEL', KEYS[1])
if redis.call('SETNX', KEYS[2], 1) == 0 then
    return 'duplicate'
end
redis.call('INCRBY', KEYS[3], ARGV[2])
return 'credited'
"""


def handle(message, redis):
    lease, done = f"lease:{message.id}", f"done:{message.id}"
    token = str(uuid.uuid4())
    if not redis.set(lease, token, nx=True, ex=30):
        raise Retry("another consumer is at work")
    balance = f"balance:{message.body['account']}"
    if redis.eval(CREDIT, 3, lease, done, balance, token, message.body["amount"]) == b"lease lost":
        raise Retry("took too long")
