def handle(message, redis):
    account, transfer = message.body["account"], message.body["transfer_id"]
    with redis.pipeline(transaction=True) as pipe:
        pipe.set(f"ledger:{account}:{transfer}", message.body["amount"], nx=True)
        pipe.sadd(f"transfers:{account}", transfer)
        pipe.execute()


def balance(redis, account):
    total = 0
    for transfer in sorted(redis.smembers(f"transfers:{account}")):
        total += int(redis.get(b"ledger:%d:%b" % (account, transfer)))
    return total
