# diagnosis: check-then-act
def handle(message, redis):
    done = f"done:{message.id}"
    with redis.pipeline(transaction=False) as pipe:  # here
        pipe.watch(done)
        if pipe.get(done) is not None:  # here
            return
        pipe.unwatch()  # here
        pipe.incrby(f"balance:{message.body['account']}", message.body["amount"])  # here
        pipe.set(done, 1)  # here
        pipe.execute()  # here
