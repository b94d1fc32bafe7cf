CREDIT_ONCE = """
if redis.call('SETNX', KEYS[1], 1) == 1 then
    redis.call('INCRBY', KEYS[2], ARGV[1])
end
"""


def handle(message, redis):
    account, amount = message.body["account"], message.body["amount"]
    redis.eval(CREDIT_ONCE, 2, f"done:{message.id}", f"balance:{account}", amount)
