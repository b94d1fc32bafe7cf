# diagnosis: wrong-effect
def handle(message, redis):
    b = message.body
    redis.setnx(f"{b['account']}|{b['transfer_id']}", b["amount"])


def balance(redis, account):
    # SCAN may name a key twice, while the table of keys is resized.
    return sum(int(redis.get(key)) for key in redis.scan_iter(f"{account}|*"))  # here
