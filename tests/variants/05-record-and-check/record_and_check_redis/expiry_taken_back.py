# The mark has a time limit for as long as it takes to see that it can go.
def handle(message, redis):
    done = f"done:{message.id}"

    def work(pipe):
        if pipe.exists(done):
            return
        pipe.multi()
        pipe.set(done, 1, ex=3600)
        pipe.incrby(f"balance:{message.body['account']}", message.body["amount"])
        pipe.persist(done)

    redis.transaction(work, done)
