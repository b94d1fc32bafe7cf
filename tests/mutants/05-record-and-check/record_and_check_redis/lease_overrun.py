# diagnosis: overrun-lease
import uuid

RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then
    redis.call('DEL', KEYS[1])
end
"""


def handle(message, redis):
    lease, done = f"lease:{message.id}", f"done:{message.id}"
    token = uuid.uuid4().hex
    if not redis.set(lease, token, nx=True, ex=30):  # here
        raise Retry("another consumer holds the lease")
    if not redis.exists(done):  # here
        with redis.pipeline() as pipe:
            pipe.incrby(f"balance:{message.body['account']}", message.body["amount"])  # here
            pipe.set(done, 1)  # here
            pipe.execute()  # here
    redis.eval(RELEASE, 1, lease, token)
