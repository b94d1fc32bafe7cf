def enter_in_hash(message, redis):
    redis.hsetnx("ledger:666", message.body["transfer_id"], message.body["amount"])


def sum_of_hash(redis, account):
    return sum(int(amount) for amount in redis.hvals("ledger:666"))


ex.turn("hash_of_transfers", enter_in_hash, sum_of_hash)
