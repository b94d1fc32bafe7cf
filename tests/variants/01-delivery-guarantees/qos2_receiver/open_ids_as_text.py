# One row with a list of the ids that are open.
import json


class Receiver:
    def __init__(self, db):
        self.db = db
        with db.atomic():
            db.execute("CREATE TABLE IF NOT EXISTS open (id INTEGER PRIMARY KEY CHECK (id = 1), ids TEXT)")
            db.execute("INSERT OR IGNORE INTO open VALUES (1, '[]')")

    def ids(self):
        return json.loads(self.db.execute("SELECT ids FROM open").fetchone()[0])

    def keep(self, ids):
        self.db.execute("UPDATE open SET ids = ?", [json.dumps(sorted(ids))])

    def on_publish(self, packet_id, payload):
        with self.db.atomic():
            ids = self.ids()
            if packet_id not in ids:
                self.keep([*ids, packet_id])
                self.db.execute("INSERT INTO inbox (payload) VALUES (?)", [payload])
        return "PUBREC"

    def on_pubrel(self, packet_id):
        with self.db.atomic():
            self.keep([one for one in self.ids() if one != packet_id])
        return "PUBCOMP"
