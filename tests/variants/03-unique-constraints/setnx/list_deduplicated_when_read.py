import json


def handle(message, redis):
    redis.rpush(f"log:{message.body['account']}", json.dumps(message.body))


def balance(redis, account):
    entries = (json.loads(line) for line in redis.lrange(f"log:{account}", 0, -1))
    return sum({entry["transfer_id"]: entry["amount"] for entry in entries}.values())
