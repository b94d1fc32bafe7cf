from functools import partial


def credit_once(message, pipe):
    seen = pipe.sismember("processed", message.id)
    pipe.multi()
    if not seen:
        pipe.sadd("processed", message.id)
        pipe.incrby(f"balance:{message.body['account']}", message.body["amount"])
    return "duplicate" if seen else "credited"


def handle(message, redis):
    return redis.transaction(partial(credit_once, message), "processed", value_from_callable=True)
