def handle(message, redis):
    body = message.body
    row, total = f"entry/{body['account']}/{body['transfer_id']}", f"total/{body['account']}"

    def book(pipe):
        known = pipe.get(row) is not None
        before = int(pipe.get(total) or 0)
        pipe.multi()
        if not known:
            pipe.set(row, body["amount"], nx=True)
            pipe.set(total, before + body["amount"])

    redis.transaction(book, row, total)


def balance(redis, account):
    return int(redis.get(f"total/{account}") or 0)
