# diagnosis: swallowed-error
import sqlite3


class Receiver:
    def __init__(self, db):
        self.db = db

    def on_publish(self, packet_id, payload):
        try:
            self.db.execute("INSERT INTO received VALUES (?)", [packet_id])
        except sqlite3.Error:  # here
            pass
        self.db["inbox"].insert({"payload": payload})
        return "PUBREC"

    def on_pubrel(self, packet_id):
        self.db.execute("DELETE FROM received WHERE packet_id = ?", [packet_id])
        return "PUBCOMP"
