def handle(message, redis):
    entry = f"{message.body['transfer_id']} {message.body['amount']}"
    redis.sadd(f"entries:{message.body['account']}", entry)


def balance(redis, account):
    total = 0
    for entry in redis.smembers(f"entries:{account}"):
        _, _, amount = entry.decode().rpartition(" ")
        total += int(amount)
    return total
