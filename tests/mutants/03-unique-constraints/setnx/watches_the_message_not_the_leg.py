# diagnosis: check-then-act
import redis as library


def handle(message, redis):
    body = message.body
    claim, leg = f"seen:{message.id}", f"leg:{body['transfer_id']}:{body['account']}"
    while True:
        try:
            with redis.pipeline() as pipe:
                pipe.watch(claim)
                if pipe.get(claim) or pipe.get(leg):  # here
                    return
                pipe.multi()
                pipe.set(claim, 1)
                pipe.set(leg, 1)
                pipe.incrby(f"balance:{body['account']}", body["amount"])
                pipe.execute()  # here
                return
        except library.WatchError:
            continue


def balance(redis, account):
    return int(redis.get(f"balance:{account}") or 0)
