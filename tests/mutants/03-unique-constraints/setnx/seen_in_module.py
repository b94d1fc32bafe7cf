# diagnosis: memory-in-process
seen = set()  # here


def handle(message, redis):
    key = message.body["account"], message.body["transfer_id"]
    if key in seen:  # here
        return
    redis.incrby(f"balance:{message.body['account']}", message.body["amount"])
    seen.add(key)  # here


def balance(redis, account):
    return int(redis.get(f"balance:{account}") or 0)
