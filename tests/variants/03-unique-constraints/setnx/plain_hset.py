def handle(message, redis):
    book = make_book(redis)
    book(**message.body)


def make_book(redis):
    def book(*, transfer_id, account, amount):
        # the same transfer has the same amount: writing it again changes nothing
        redis.hset(f"account:{account}", transfer_id, amount)

    return book


def balance(redis, account):
    return sum(int(amount) for amount in redis.hgetall(f"account:{account}").values())
