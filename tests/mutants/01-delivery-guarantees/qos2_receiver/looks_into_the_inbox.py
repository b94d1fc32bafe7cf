# diagnosis: no-duplicate-check
class Receiver:
    def __init__(self, db):
        self.db = db
        db.execute("CREATE TABLE IF NOT EXISTS place (packet_id INTEGER PRIMARY KEY, row INTEGER)")

    def on_publish(self, packet_id, payload):
        with self.db.atomic():
            there = self.db.execute(
                "SELECT 1 FROM place JOIN inbox ON inbox.id = place.row WHERE packet_id = ?",  # here
                [packet_id],
            ).fetchone()
            if there is None:  # here
                row = self.db["inbox"].insert({"payload": payload}).last_pk  # here
                self.db["place"].upsert({"packet_id": packet_id, "row": row}, pk="packet_id")  # here
        return "PUBREC"

    def on_pubrel(self, packet_id):
        self.db["place"].delete_where("packet_id = ?", [packet_id])
        return "PUBCOMP"
