# diagnosis: key-from-message-id
def handle(message, redis):
    body = message.body
    redis.hsetnx(f"l:{body['account']}", message.id, body["amount"])  # here


def balance(redis, account):
    return sum(map(int, redis.hvals(f"l:{account}")))
