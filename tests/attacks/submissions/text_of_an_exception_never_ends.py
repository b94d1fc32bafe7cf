# An exception whose text and class lie.
# part: record_and_check
# honest: 0
# seconds: 40
class Liar(Exception):
    def __str__(self):
        return "x" * 10**8

    def __repr__(self):
        raise SystemExit


def handle(message, db):
    raise Liar
