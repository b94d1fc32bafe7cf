# Where the database is busy there is no answer, so the sender will repeat.
import sqlite3


class Receiver:
    def __init__(self, db):
        self.db = db

    def on_publish(self, packet_id, payload):
        try:
            with self.db.atomic():
                self.db.execute("INSERT INTO received VALUES (?)", [packet_id])
                self.db.execute("INSERT INTO inbox (payload) VALUES (?)", [payload])
        except sqlite3.IntegrityError:
            return "PUBREC"
        except sqlite3.OperationalError:
            return None
        return "PUBREC"

    def on_pubrel(self, packet_id):
        try:
            self.db.execute("DELETE FROM received WHERE packet_id = ?", [packet_id])
        except sqlite3.OperationalError:
            return None
        return "PUBCOMP"
