# diagnosis: replace-as-claim
BOOK = """
if redis.call('SET', KEYS[1], ARGV[1]) then
    redis.call('INCRBY', KEYS[2], ARGV[1])
end
"""  # here


def handle(message, redis):
    body = message.body
    row = f"ledger:{body['account']}:{body['transfer_id']}"
    redis.eval(BOOK, 2, row, f"balance:{body['account']}", body["amount"])  # here


def balance(redis, account):
    return int(redis.get(f"balance:{account}") or 0)
