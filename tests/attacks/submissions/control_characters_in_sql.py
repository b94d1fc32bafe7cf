# Its statements hold what no picture and no page can hold.
# part: record_and_check
# honest: 0
# seconds: 20
def handle(message, db):
    db.execute("SELECT '\x01\x02\x0b\x1b[31m \x7f \ufffe ]]> &#0; <b>' -- \x00")
    db.execute("UPDATE account SET balance = balance + ? WHERE id = ?", [message.body["amount"], message.body["account"]])
