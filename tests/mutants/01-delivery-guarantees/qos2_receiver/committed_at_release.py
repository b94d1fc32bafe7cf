# diagnosis: uncommitted-effect
class Receiver:
    def __init__(self, db):
        self.db = db

    def on_publish(self, packet_id, payload):
        if not self.db.conn.in_transaction:
            self.db.begin()  # here
        if self.db.execute("INSERT OR IGNORE INTO received VALUES (?)", [packet_id]).rowcount:
            self.db.execute("INSERT INTO inbox (payload) VALUES (?)", [payload])  # here
        return "PUBREC"  # here

    def on_pubrel(self, packet_id):
        self.db.execute("DELETE FROM received WHERE packet_id = ?", [packet_id])
        self.db.commit()  # here
        return "PUBCOMP"
