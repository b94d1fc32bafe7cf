# diagnosis: never-forgets
class Receiver:
    def __init__(self, db):
        self.db = db

    def on_publish(self, packet_id, payload):
        with self.db.atomic():
            claim = self.db.execute("INSERT OR IGNORE INTO received VALUES (?)", [packet_id])  # here
            if claim.rowcount == 1:  # here
                self.db.execute("INSERT INTO inbox (payload) VALUES (?)", [payload])
        return "PUBREC"

    def on_pubrel(self, packet_id):  # here
        return "PUBCOMP"  # here
