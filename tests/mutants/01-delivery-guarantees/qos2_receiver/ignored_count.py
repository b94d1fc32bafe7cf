# diagnosis: ignored-count
class Receiver:
    def __init__(self, db):
        self.db = db

    def on_publish(self, packet_id, payload):
        with self.db.atomic():
            self.db["received"].insert({"packet_id": packet_id}, ignore=True)  # here
            self.db["inbox"].insert({"payload": payload})  # here
        return "PUBREC"

    def on_pubrel(self, packet_id):
        self.db["received"].delete_where("packet_id = ?", [packet_id])
        return "PUBCOMP"
