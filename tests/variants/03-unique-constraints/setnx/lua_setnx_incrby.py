BOOK = """
if redis.call('SETNX', KEYS[1], ARGV[1]) == 1 then
    redis.call('INCRBY', KEYS[2], ARGV[1])
end
"""


def handle(message, redis):
    transfer, account, amount = (message.body[k] for k in ("transfer_id", "account", "amount"))
    redis.eval(BOOK, 2, f"row:{account}:{transfer}", f"balance:{account}", amount)


def balance(redis, account):
    return int(redis.get(f"balance:{account}") or 0)
