class Ledger:
    SCRIPT = """
    local new = redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2])
    if new == 1 then
        redis.call('HINCRBY', KEYS[2], ARGV[3], ARGV[2])
    end
    return new
    """

    def __init__(self, redis):
        self.redis = redis
        self.book = redis.register_script(self.SCRIPT)

    def add(self, transfer_id, account, amount):
        field = f"{transfer_id}|{account}"
        return self.book(keys=["ledger", "balances"], args=[field, amount, account])

    def balance(self, account):
        amount = self.redis.hget("balances", account)
        return 0 if amount is None else int(amount)


def handle(message, redis):
    Ledger(redis).add(**message.body)


def balance(redis, account):
    return Ledger(redis).balance(account)
