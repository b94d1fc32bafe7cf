# diagnosis: key-too-narrow
def handle(message, redis):
    body = message.body
    redis.set(f"ledger:{body['transfer_id']}", f"{body['account']} {body['amount']}", nx=True)  # here


def balance(redis, account):
    total = 0
    for key in sorted(set(redis.scan_iter(match="ledger:*"))):
        owner, amount = redis.get(key).split()
        if int(owner) == account:
            total += int(amount)
    return total
