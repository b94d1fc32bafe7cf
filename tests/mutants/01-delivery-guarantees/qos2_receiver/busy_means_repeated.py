# diagnosis: swallowed-lock-error
import sqlite3


class Receiver:
    def __init__(self, db):
        self.db = db

    def on_publish(self, packet_id, payload):
        for _ in range(3):
            try:
                self.db.execute("BEGIN IMMEDIATE")  # here
                break
            except sqlite3.OperationalError:  # here
                continue
        else:
            return "PUBREC"
        claim = self.db.execute("INSERT OR IGNORE INTO received VALUES (?)", [packet_id])
        if claim.rowcount:
            self.db["inbox"].insert({"payload": payload})
        self.db.commit()
        return "PUBREC"

    def on_pubrel(self, packet_id):
        self.db.execute("DELETE FROM received WHERE packet_id = ?", [packet_id])
        return "PUBCOMP"
