# diagnosis: mark-before-effect
class Receiver:
    def __init__(self, db):
        self.db = db
        db.execute("CREATE TABLE IF NOT EXISTS pending (packet_id INTEGER PRIMARY KEY, payload TEXT)")

    def on_publish(self, packet_id, payload):
        self.db.execute("INSERT OR IGNORE INTO pending VALUES (?, ?)", [packet_id, payload])
        return "PUBREC"

    def on_pubrel(self, packet_id):
        row = self.db.execute("SELECT payload FROM pending WHERE packet_id = ?", [packet_id]).fetchone()
        self.db.execute("DELETE FROM pending WHERE packet_id = ?", [packet_id])  # here
        if row:
            self.db["inbox"].insert({"payload": row[0]})
        return "PUBCOMP"
