def handle(message, redis):
    match message.body:
        case {"transfer_id": transfer, "account": account, "amount": amount}:
            redis.zadd(f"ledger:{account}", {transfer: amount}, nx=True)


def balance(redis, account):
    entries = redis.zrange(f"ledger:{account}", 0, -1, withscores=True)
    return int(sum(score for _, score in entries))
