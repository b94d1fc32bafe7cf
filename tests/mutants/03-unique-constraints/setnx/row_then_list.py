# diagnosis: mark-before-effect
def handle(message, redis):
    body = message.body
    row = f"{body['account']}:{body['transfer_id']}"
    new = redis.set(row, 1, nx=True)  # here
    if not new:
        return
    redis.rpush(f"entries:{body['account']}", body["amount"])  # here


def balance(redis, account):
    return sum(int(amount) for amount in redis.lrange(f"entries:{account}", 0, -1))
