# diagnosis: poison-message
class Receiver:
    def __init__(self, db):
        self.db = db

    def on_publish(self, packet_id, payload):
        with self.db.atomic():
            claim = self.db.execute("INSERT OR IGNORE INTO received VALUES (?)", [packet_id])
            if claim.rowcount == 1:
                self.db["inbox"].insert({"payload": payload})
        return "PUBREC"

    def on_pubrel(self, packet_id):
        self.db["received"].delete(packet_id)  # here
        return "PUBCOMP"
