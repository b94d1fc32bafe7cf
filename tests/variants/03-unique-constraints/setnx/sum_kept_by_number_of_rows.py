# The sum is made anew when there are more rows; a row is never changed.
_known = {}


def handle(message, redis):
    body = message.body
    redis.hsetnx(f"ledger:{body['account']}", body["transfer_id"], body["amount"])


def balance(redis, account):
    ledger = f"ledger:{account}"
    rows = redis.hlen(ledger)
    if _known.get(account, (0, 0))[0] != rows:
        values = redis.hvals(ledger)
        _known[account] = len(values), sum(map(int, values))
    return _known.get(account, (0, 0))[1]
