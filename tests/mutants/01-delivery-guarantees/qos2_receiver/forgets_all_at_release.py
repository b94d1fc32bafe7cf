# diagnosis: forgets-too-early
class Receiver:
    def __init__(self, db):
        self.db = db

    def on_publish(self, packet_id, payload):
        with self.db.atomic():
            claim = self.db.execute("INSERT OR IGNORE INTO received VALUES (?)", [packet_id])
            if claim.rowcount == 1:
                self.db.execute("INSERT INTO inbox (payload) VALUES (?)", [payload])  # here
        return "PUBREC"

    def on_pubrel(self, packet_id):
        self.db.execute("DELETE FROM received")  # here
        return "PUBCOMP"
