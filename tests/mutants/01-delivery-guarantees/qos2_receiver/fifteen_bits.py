# diagnosis: key-too-narrow
class Receiver:
    def __init__(self, db):
        self.db = db

    def on_publish(self, packet_id, payload):
        with self.db.atomic():
            if self.db.execute("INSERT OR IGNORE INTO received VALUES (?)", [packet_id & 0x7FFF]).rowcount == 1:  # here
                self.db.execute("INSERT INTO inbox (payload) VALUES (?)", [payload])
        return "PUBREC"

    def on_pubrel(self, packet_id):
        self.db.execute("DELETE FROM received WHERE packet_id = ?", [packet_id & 0x7FFF])
        return "PUBCOMP"
