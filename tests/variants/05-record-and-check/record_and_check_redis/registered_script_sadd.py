class Bank:
    SCRIPT = """
    local added = redis.call('SADD', KEYS[1], ARGV[1])
    if added == 0 then
        return 0
    end
    redis.call('INCRBY', KEYS[2], ARGV[2])
    return 1
    """

    def __init__(self, redis):
        self.credit = redis.register_script(self.SCRIPT)

    def apply(self, message):
        keys = ["processed", f"balance:{message.body['account']}"]
        return self.credit(keys=keys, args=[message.id, message.body["amount"]])


def handle(message, redis):
    if Bank(redis).apply(message) == 0:
        print("duplicate", message.id)
