# diagnosis: never-forgets
class Receiver:
    def __init__(self, db):
        self.db = db
        self.known = {row["packet_id"] for row in db["received"].rows}

    def on_publish(self, packet_id, payload):
        if packet_id in self.known:  # here
            return "PUBREC"
        with self.db.atomic():
            self.db["received"].insert({"packet_id": packet_id})
            self.db["inbox"].insert({"payload": payload})
        self.known.add(packet_id)  # here
        return "PUBREC"

    def on_pubrel(self, packet_id):  # here
        self.db["received"].delete_where("packet_id = ?", [packet_id])  # here
        return "PUBCOMP"  # here
