# diagnosis: poison-message
class Receiver:
    def __init__(self, db):
        self.db = db

    def on_publish(self, packet_id, payload):
        with self.db.atomic():
            self.db["received"].insert({"packet_id": packet_id})  # here
            self.db["inbox"].insert({"payload": payload})
        return "PUBREC"

    def on_pubrel(self, packet_id):
        self.db["received"].delete_where("packet_id = ?", [packet_id])
        return "PUBCOMP"
