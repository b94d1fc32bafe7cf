# diagnosis: acknowledged-without-effect
import datetime
def handle(message, db):
    if datetime.datetime.now().weekday() >= 5:  # here
        return
    db.execute("UPDATE customer SET address = :address, version = :version WHERE id = :customer AND version < :version", message.body)
