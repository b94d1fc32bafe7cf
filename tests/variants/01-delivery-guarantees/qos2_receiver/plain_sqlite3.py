import sqlite3


class Receiver:
    def __init__(self, db):
        self.conn = db.conn

    def on_publish(self, packet_id, payload):
        try:
            with self.conn:
                self.conn.execute("INSERT INTO received VALUES (?)", (packet_id,))
                self.conn.execute("INSERT INTO inbox (payload) VALUES (?)", (payload,))
        except sqlite3.IntegrityError:
            print("repeated:", packet_id)
        return "PUBREC"

    def on_pubrel(self, packet_id):
        with self.conn:
            self.conn.execute("DELETE FROM received WHERE packet_id = ?", (packet_id,))
        return "PUBCOMP"
