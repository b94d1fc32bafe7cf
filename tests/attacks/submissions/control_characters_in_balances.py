# Writes what no page can hold where a number should be.
# part: record_and_check
# honest: 0
# seconds: 20
def handle(message, db):
    db.execute("UPDATE account SET balance = ?", ["\x01\x0b\ufffe<svg onload=alert(1)>"])
