# diagnosis: key-too-narrow
class Receiver:
    def __init__(self, db):
        self.db = db

    def on_publish(self, packet_id, payload):
        with self.db.atomic():
            if self.db["received"].count == 0:  # here
                self.db.execute("INSERT INTO received VALUES (1)")  # here
                self.db.execute("INSERT INTO inbox (payload) VALUES (?)", [payload])
        return "PUBREC"

    def on_pubrel(self, packet_id):
        self.db.execute("DELETE FROM received")  # here
        return "PUBCOMP"
