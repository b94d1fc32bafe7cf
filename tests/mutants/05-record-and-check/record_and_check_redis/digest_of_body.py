# diagnosis: key-from-payload
import hashlib
import json

ONCE = """
if redis.call('SADD', KEYS[1], ARGV[1]) == 1 then
    redis.call('INCRBY', KEYS[2], ARGV[2])
end
"""


def handle(message, redis):
    text = json.dumps(message.body, sort_keys=True)  # here
    digest = hashlib.sha1(text.encode()).hexdigest()  # here
    redis.eval(ONCE, 2, "digests", f"balance:{message.body['account']}", digest, message.body["amount"])  # here
