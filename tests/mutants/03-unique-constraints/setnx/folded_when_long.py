# diagnosis: expiring-mark
# When the ledger of an account has 60 rows, they are added up and go.
FOLD = """
if redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2]) == 1 and redis.call('HLEN', KEYS[1]) > 60 then
    for _, amount in ipairs(redis.call('HVALS', KEYS[1])) do
        redis.call('INCRBY', KEYS[2], amount)
    end
    redis.call('DEL', KEYS[1])
end
"""


def handle(message, redis):
    body = message.body
    keys = [f"ledger:{body['account']}", f"sum:{body['account']}"]
    redis.eval(FOLD, 2, *keys, body["transfer_id"], body["amount"])  # here


def balance(redis, account):
    rows = redis.hvals(f"ledger:{account}")
    return int(redis.get(f"sum:{account}") or 0) + sum(map(int, rows))
