# diagnosis: key-too-narrow
BOOK = """
if redis.call('HSETNX', 'transfers', ARGV[1], 1) == 1 then
    redis.call('HINCRBY', 'balances', ARGV[2], ARGV[3])
end
"""


def handle(message, redis):
    body = message.body
    redis.eval(BOOK, 0, body["transfer_id"], body["account"], body["amount"])  # here


def balance(redis, account):
    return int(redis.hget("balances", account) or 0)
