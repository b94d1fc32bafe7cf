# diagnosis: forgets-too-early
class Receiver:
    def __init__(self, db):
        self.db = db

    def on_publish(self, packet_id, payload):
        with self.db.atomic():
            if self.db["received"].count_where("packet_id = ?", [packet_id]) == 0:  # here
                self.db["received"].delete_where()  # here
                self.db["received"].insert({"packet_id": packet_id})
                self.db["inbox"].insert({"payload": payload})  # here
        return "PUBREC"

    def on_pubrel(self, packet_id):
        self.db["received"].delete_where("packet_id = ?", [packet_id])
        return "PUBCOMP"
