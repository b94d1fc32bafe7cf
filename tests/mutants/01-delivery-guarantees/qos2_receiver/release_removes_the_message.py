# diagnosis: wrong-effect
class Receiver:
    def __init__(self, db):
        self.db = db

    def on_publish(self, packet_id, payload):
        self.db["inbox"].insert({"id": packet_id, "payload": payload}, replace=True)
        return "PUBREC"

    def on_pubrel(self, packet_id):
        self.db["inbox"].delete_where("id = ?", [packet_id])  # here
        return "PUBCOMP"
