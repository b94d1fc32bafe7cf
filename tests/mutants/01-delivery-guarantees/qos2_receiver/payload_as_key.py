# diagnosis: key-from-payload
class Receiver:
    def __init__(self, db):
        self.db = db

    def on_publish(self, packet_id, payload):
        with self.db.atomic():
            if not self.db["inbox"].count_where("payload = ?", [payload]):  # here
                self.db["inbox"].insert({"payload": payload})
        return "PUBREC"

    def on_pubrel(self, packet_id):
        return "PUBCOMP"
