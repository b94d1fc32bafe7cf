from redis.exceptions import WatchError


def handle(message, redis):
    body = message.body
    row = f"ledger:{body['transfer_id']}:{body['account']}"
    with redis.pipeline() as pipe:
        while True:
            try:
                pipe.watch(row)
                if pipe.exists(row):
                    return
                pipe.multi()
                pipe.setnx(row, body["amount"])
                pipe.incrby(f"balance:{body['account']}", body["amount"])
                pipe.execute()
                return
            except WatchError:
                continue


def balance(redis, account):
    return int(redis.get(f"balance:{account}") or b"0")
