# Asks for what is no request at all.
# part: record_and_check
# honest: 0
# seconds: 20
class Request(tuple):
    pass


def handle(message, db):
    db.conn._ask(("SELECT 1", (), False))
    db.conn._ask(Request(("DROP TABLE account", (), False)))
