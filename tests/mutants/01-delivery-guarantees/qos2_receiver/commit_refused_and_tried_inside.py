# diagnosis: uncommitted-effect
import sqlite3

ARRIVAL = "CREATE VIEW IF NOT EXISTS arrival AS SELECT packet_id, '' AS payload FROM received"
ON_ARRIVAL = """
    CREATE TRIGGER IF NOT EXISTS on_arrival INSTEAD OF INSERT ON arrival BEGIN
        INSERT INTO inbox (payload) SELECT NEW.payload
            WHERE NEW.packet_id NOT IN (SELECT packet_id FROM received);
        INSERT OR IGNORE INTO received VALUES (NEW.packet_id);
    END
"""


class Receiver:
    def __init__(self, db):
        self.db = db
        db.execute(ARRIVAL)
        db.execute(ON_ARRIVAL)

    def on_publish(self, packet_id, payload):
        for _ in range(5):
            try:
                self.db.execute("INSERT INTO arrival VALUES (?, ?)", [packet_id, payload])  # here
                return "PUBREC"
            except sqlite3.OperationalError:
                continue
        return "not now"

    def on_pubrel(self, packet_id):
        self.db.execute("DELETE FROM received WHERE packet_id = ?", [packet_id])
        return "PUBCOMP"
