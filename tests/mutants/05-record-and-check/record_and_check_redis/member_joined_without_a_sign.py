# diagnosis: key-collision
ONCE = """
if redis.call('SADD', KEYS[1], ARGV[1]) == 1 then
    redis.call('INCRBY', KEYS[2], ARGV[2])
end"""


def handle(message, redis):
    account, amount = message.body["account"], message.body["amount"]
    redis.eval(ONCE, 2, "done", f"balance:{account}", f"{message.id}{account}", amount)  # here
