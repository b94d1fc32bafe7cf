from redis import WatchError


def handle(message, redis):
    account, amount = message.body["account"], message.body["amount"]
    entry = f"{account}:{message.body['transfer_id']}"
    while True:
        with redis.pipeline() as pipe:
            pipe.watch("ledger")
            if pipe.sismember("ledger", entry):
                return
            pipe.multi()
            pipe.sadd("ledger", entry)
            pipe.hincrby("balance", account, amount)
            try:
                pipe.execute()
            except WatchError:
                pass
            else:
                return


def balance(redis, account):
    return int(redis.hget("balance", account) or 0)
