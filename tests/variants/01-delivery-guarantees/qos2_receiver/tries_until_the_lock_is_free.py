import sqlite3


class Receiver:
    def __init__(self, db):
        self.db = db

    def insisting(self, work):
        while True:
            try:
                with self.db.atomic():
                    return work()
            except sqlite3.OperationalError as error:
                if "locked" not in str(error):
                    raise

    def on_publish(self, packet_id, payload):
        def keep():
            claim = self.db.execute("INSERT OR IGNORE INTO received VALUES (?)", [packet_id])
            if claim.rowcount == 1:
                self.db.execute("INSERT INTO inbox (payload) VALUES (?)", [payload])

        self.insisting(keep)
        return "PUBREC"

    def on_pubrel(self, packet_id):
        self.insisting(lambda: self.db.execute("DELETE FROM received WHERE packet_id = ?", [packet_id]))
        return "PUBCOMP"
