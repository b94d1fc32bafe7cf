# diagnosis: swallowed-lock-error
import contextlib
import sqlite3


class Receiver:
    def __init__(self, db):
        self.db = db

    def on_publish(self, packet_id, payload):
        with self.db.atomic():
            claim = self.db.execute("INSERT OR IGNORE INTO received VALUES (?)", [packet_id])  # here
            if claim.rowcount == 1:  # here
                self.db.execute("INSERT INTO inbox (payload) VALUES (?)", [payload])
        return "PUBREC"

    def on_pubrel(self, packet_id):
        with contextlib.suppress(sqlite3.OperationalError):  # here
            self.db.execute("DELETE FROM received WHERE packet_id = ?", [packet_id])  # here
        return "PUBCOMP"
