# diagnosis: expiring-mark
BOOK = """
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'EX', 86400) then
    redis.call('INCRBY', KEYS[2], ARGV[1])
end
"""  # here


def handle(message, redis):
    body = message.body
    keys = f"row:{body['account']}:{body['transfer_id']}", f"balance:{body['account']}"
    redis.eval(BOOK, 2, *keys, body["amount"])  # here


def balance(redis, account):
    return int(redis.get(f"balance:{account}") or 0)
