class Receiver:
    def __init__(self, db):
        self.db = db
        self.pending = db["pending"]
        self.pending.create({"packet_id": int, "payload": str}, pk="packet_id", if_not_exists=True)

    def on_publish(self, packet_id, payload):
        self.pending.upsert({"packet_id": packet_id, "payload": payload}, pk="packet_id")
        return "PUBREC"

    def on_pubrel(self, packet_id):
        with self.db.atomic():
            for row in list(self.pending.rows_where("packet_id = ?", [packet_id])):
                self.db["inbox"].insert({"payload": row["payload"]})
                self.pending.delete(packet_id)
        return "PUBCOMP"
