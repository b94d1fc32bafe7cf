# Draws more random bytes than there are.
# part: record_and_check
# honest: 0
# seconds: 20
import redelivery.simulation.guards as guards
import redelivery.simulation.operations as operations


def handle(message, db):
    guards.source._ask(operations.DrawBytes(65_536, 999_999, 999_999))
    db.execute("UPDATE account SET balance = balance + 1")
