# diagnosis: effect-before-mark
class Receiver:
    def __init__(self, db):
        self.conn = db.conn

    def on_publish(self, packet_id, payload):
        seen = self.conn.execute("SELECT 1 FROM received WHERE packet_id = ?", (packet_id,)).fetchone()
        if not seen:
            with self.conn:
                self.conn.execute("INSERT INTO inbox (payload) VALUES (?)", (payload,))  # here
            with self.conn:
                self.conn.execute("INSERT INTO received VALUES (?)", (packet_id,))  # here
        return "PUBREC"

    def on_pubrel(self, packet_id):
        with self.conn:
            self.conn.execute("DELETE FROM received WHERE packet_id = ?", (packet_id,))
        return "PUBCOMP"
