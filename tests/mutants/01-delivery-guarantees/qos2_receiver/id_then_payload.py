# diagnosis: mark-before-effect
class Receiver:
    def __init__(self, db):
        self.db = db

    def on_publish(self, packet_id, payload):
        claim = self.db.execute("INSERT INTO received VALUES (?) ON CONFLICT DO NOTHING", [packet_id])  # here
        if claim.rowcount == 1:
            self.db.execute("INSERT INTO inbox (payload) VALUES (?)", [payload])  # here
        return "PUBREC"

    def on_pubrel(self, packet_id):
        self.db.execute("DELETE FROM received WHERE packet_id = ?", [packet_id])
        return "PUBCOMP"
