# diagnosis: key-from-delivery
import uuid


def handle(message, redis):
    row = f"ledger:{message.body['account']}:{uuid.uuid4()}"  # here
    redis.set(row, message.body["amount"], nx=True)  # here


def balance(redis, account):
    rows = sorted(redis.keys(f"ledger:{account}:*"))
    return sum(int(amount) for amount in redis.mget(rows)) if rows else 0
