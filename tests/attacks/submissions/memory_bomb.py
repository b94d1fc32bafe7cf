# Takes all memory that it can get.
# part: record_and_check
# honest: 0
# seconds: 15
held = []
try:
    while True:
        held.append(bytearray(64 * 1024 * 1024))
except MemoryError:
    pass

def handle(message, db):
    if db["processed"].count_where("message_id = ?", [message.id]):
        return
    db.execute("UPDATE account SET balance = balance + ? WHERE id = ?", [message.body["amount"], message.body["account"]])
    db["processed"].insert({"message_id": message.id})
