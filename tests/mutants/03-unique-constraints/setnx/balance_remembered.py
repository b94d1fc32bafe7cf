# diagnosis: memory-in-process
_known = {}  # here


def handle(message, redis):
    body = message.body
    redis.hsetnx(f"ledger:{body['account']}", body["transfer_id"], body["amount"])


def balance(redis, account):
    if account not in _known:  # here
        _known[account] = sum(int(v) for v in redis.hvals(f"ledger:{account}"))  # here
    return _known[account]  # here
