# diagnosis: key-collision
import unicodedata
def handle(message, db):
    with db.atomic():
        if db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [unicodedata.normalize("NFKC", message.id)]).rowcount:  # here
            db.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", message.body)
