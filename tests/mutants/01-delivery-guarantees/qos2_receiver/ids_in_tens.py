# diagnosis: key-too-narrow
class Receiver:
    def __init__(self, db):
        self.db = db

    def on_publish(self, packet_id, payload):
        tens = packet_id // 10  # here
        with self.db.atomic():
            known = self.db.execute("SELECT 1 FROM received WHERE packet_id = ?", [tens]).fetchone()  # here
            if known is None:
                self.db.execute("INSERT INTO inbox (payload) VALUES (?)", [payload])
                self.db.execute("INSERT INTO received VALUES (?)", [tens])
        return "PUBREC"

    def on_pubrel(self, packet_id):
        self.db.execute("DELETE FROM received WHERE packet_id = ?", [packet_id // 10])
        return "PUBCOMP"
