# diagnosis: swallowed-lock-error
class Receiver:
    def __init__(self, db):
        self.db = db

    def on_publish(self, packet_id, payload):
        try:
            with self.db.atomic():
                self.db.execute("INSERT INTO received VALUES (?)", [packet_id])  # here
                self.db.execute("INSERT INTO inbox (payload) VALUES (?)", [payload])
        except Exception as error:  # here
            print("duplicate", error)
        return "PUBREC"

    def on_pubrel(self, packet_id):
        self.db.execute("DELETE FROM received WHERE packet_id = ?", [packet_id])
        return "PUBCOMP"
