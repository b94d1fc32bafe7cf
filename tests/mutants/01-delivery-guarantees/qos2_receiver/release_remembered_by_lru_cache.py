# diagnosis: never-acknowledged
import functools
import sqlite3


class Receiver:
    def __init__(self, db):
        self.db = db

    def on_publish(self, packet_id, payload):
        with self.db.atomic():
            claim = self.db.execute("INSERT OR IGNORE INTO received VALUES (?)", [packet_id])
            if claim.rowcount == 1:
                self.db.execute("INSERT INTO inbox (payload) VALUES (?)", [payload])
        return "PUBREC"

    @functools.lru_cache
    def on_pubrel(self, packet_id):
        try:
            self.db.execute("DELETE FROM received WHERE packet_id = ?", [packet_id])
        except sqlite3.OperationalError:
            return None  # here
        return "PUBCOMP"
