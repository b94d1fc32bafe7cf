class Receiver:
    def __init__(self, db):
        self.db = db
        self.known = {row["packet_id"] for row in db["received"].rows}

    def on_publish(self, packet_id, payload):
        if packet_id not in self.known:
            with self.db.atomic():
                self.db["received"].insert({"packet_id": packet_id})
                self.db["inbox"].insert({"payload": payload})
            self.known.add(packet_id)
        return "PUBREC"

    def on_pubrel(self, packet_id):
        self.db["received"].delete_where("packet_id = ?", [packet_id])
        self.known.discard(packet_id)
        return "PUBCOMP"
