# Raises an exception with a text of ten million letters.
# part: record_and_check
# honest: 0
# seconds: 20
def handle(message, db):
    raise ValueError("x\x00" * 5_000_000)
