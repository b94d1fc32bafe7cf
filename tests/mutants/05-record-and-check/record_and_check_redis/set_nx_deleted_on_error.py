# diagnosis: mark-before-effect
def handle(message, redis):
    mark = "payment:" + message.id
    claimed = redis.set(mark, "done", nx=True)  # here
    if claimed is None:
        return
    try:
        redis.incrby(f"balance:{message.body['account']}", message.body["amount"])  # here
    except Exception:
        redis.delete(mark)
        raise
