# diagnosis: mark-before-effect
def first_time(redis, message_id):
    return redis.hincrby("deliveries", message_id, 1) == 1  # here


def handle(message, redis):
    if first_time(redis, message.id):  # here
        account, amount = message.body["account"], message.body["amount"]
        redis.incrby(f"balance:{account}", amount)  # here
