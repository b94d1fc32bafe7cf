# diagnosis: key-collision
import unicodedata


def handle(message, redis):
    plain = "".join(c for c in unicodedata.normalize("NFD", message.id) if not unicodedata.combining(c))
    done = f"done:{plain}"  # here

    def credit(pipe):
        if pipe.exists(done):  # here
            return
        pipe.multi()
        pipe.set(done, 1)
        pipe.incrby(f"balance:{message.body['account']}", message.body["amount"])

    redis.transaction(credit, done)  # here
