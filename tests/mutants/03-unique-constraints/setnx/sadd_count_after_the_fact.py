# diagnosis: ignored-count
import logging


def handle(message, redis):
    transfer, account, amount = (message.body[k] for k in ("transfer_id", "account", "amount"))
    pipe = redis.pipeline()
    pipe.sadd(f"transfers:{account}", transfer)  # here
    pipe.hincrby("balance", account, amount)  # here
    added, _ = pipe.execute()  # here
    if not added:  # here
        logging.info("%s is a duplicate", message.id)  # here


def balance(redis, account):
    return int(redis.hget("balance", account) or 0)
