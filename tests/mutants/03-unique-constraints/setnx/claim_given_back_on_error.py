# diagnosis: mark-before-effect
class Ledger:
    def __init__(self, redis):
        self.redis = redis

    def claim(self, row):
        return self.redis.setnx(row, "claimed")  # here

    def book(self, transfer_id, account, amount):
        row = f"{account}:{transfer_id}"
        if not self.claim(row):  # here
            return
        try:
            self.redis.incrby(f"balance:{account}", amount)  # here
        except Exception:
            self.redis.delete(row)
            raise


def handle(message, redis):
    Ledger(redis).book(**message.body)


def balance(redis, account):
    return int(redis.get(f"balance:{account}") or 0)
