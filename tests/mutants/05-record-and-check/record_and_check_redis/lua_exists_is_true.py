# diagnosis: acknowledged-without-effect
LUA = """
if redis.call('EXISTS', KEYS[1]) then
    return 'duplicate'
end
redis.call('SET', KEYS[1], 'done')
redis.call('INCRBY', KEYS[2], ARGV[1])
return 'credited'
"""  # here


def handle(message, redis):
    script = redis.register_script(LUA)  # here
    script(  # here
        keys=[f"done:{message.id}", f"balance:{message.body['account']}"],  # here
        args=[message.body["amount"]],  # here
    )  # here
