def handle(message, redis):
    redis.hsetnx(
        f"ledger:{message.body['account']}", message.body["transfer_id"], message.body["amount"]
    )


def balance(redis, account):
    return sum(map(int, redis.hvals(f"ledger:{account}")))
