# diagnosis: forgets-too-early
class Receiver:
    def __init__(self, db):
        self.db = db
        db["received"].delete_where()  # here

    def on_publish(self, packet_id, payload):
        with self.db.atomic():
            if not self.db["received"].count_where("packet_id = ?", [packet_id]):
                self.db["received"].insert({"packet_id": packet_id})
                self.db["inbox"].insert({"payload": payload})
        return "PUBREC"

    def on_pubrel(self, packet_id):
        self.db["received"].delete_where("packet_id = ?", [packet_id])
        return "PUBCOMP"
