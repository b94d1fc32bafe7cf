# Asks for a transaction of Redis where there is none.
# part: record_and_check
# honest: 0
# seconds: 20
import redelivery.simulation.guards as guards
import redelivery.simulation.operations as operations


def handle(message, db):
    guards.source._ask(operations.RedisTransaction(((b"GET", b"a"),)))
    db.execute("UPDATE account SET balance = balance + 1")
