class Receiver:
    def __init__(self, db):
        self.db = db
        db.execute("CREATE TABLE IF NOT EXISTS pending (packet_id INTEGER PRIMARY KEY, payload TEXT)")

    def on_publish(self, packet_id, payload):
        self.db.execute("INSERT OR IGNORE INTO pending VALUES (?, ?)", [packet_id, payload])
        return "PUBREC"

    def on_pubrel(self, packet_id):
        with self.db.atomic():
            self.db.execute(
                "INSERT INTO inbox (payload) SELECT payload FROM pending WHERE packet_id = ?",
                [packet_id],
            )
            self.db.execute("DELETE FROM pending WHERE packet_id = ?", [packet_id])
        return "PUBCOMP"
