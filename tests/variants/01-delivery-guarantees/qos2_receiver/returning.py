class Receiver:
    CLAIM = "INSERT INTO received VALUES (:id) ON CONFLICT DO NOTHING RETURNING packet_id"

    def __init__(self, db):
        self.db = db

    def on_publish(self, packet_id, payload):
        with self.db.atomic():
            for _ in self.db.execute(self.CLAIM, {"id": packet_id}).fetchall():
                self.db["inbox"].insert({"payload": payload})
        return "PUBREC"

    def on_pubrel(self, packet_id):
        self.db.execute("DELETE FROM received WHERE packet_id = :id", {"id": packet_id})
        return "PUBCOMP"
