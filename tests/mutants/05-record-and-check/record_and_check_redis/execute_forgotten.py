# diagnosis: acknowledged-without-effect
def handle(message, redis):
    done = f"done:{message.id}"
    with redis.pipeline() as pipe:  # here
        pipe.watch(done)
        if pipe.exists(done):  # here
            return
        pipe.multi()  # here
        pipe.set(done, 1)  # here
        pipe.incrby(f"balance:{message.body['account']}", message.body["amount"])  # here
