def handle(message, redis):
    b = message.body
    redis.sadd(f"ledger:{b['account']}", f"{b['amount']} {b['transfer_id']}")


def balance(redis, account):
    rows = {row for row in redis.sscan_iter(f"ledger:{account}")}
    return sum(int(row.split()[0]) for row in rows)
