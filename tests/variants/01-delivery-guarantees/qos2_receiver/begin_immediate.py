class Receiver:
    def __init__(self, db):
        self.db = db

    def on_publish(self, packet_id, payload):
        self.db.execute("BEGIN IMMEDIATE")
        try:
            known = self.db.execute("SELECT 1 FROM received WHERE packet_id = ?", [packet_id]).fetchone()
            if known is None:
                self.db.execute("INSERT INTO inbox (payload) VALUES (?)", [payload])
                self.db.execute("INSERT INTO received VALUES (?)", [packet_id])
            self.db.commit()
        except BaseException:
            self.db.rollback()
            raise
        return "PUBREC"

    def on_pubrel(self, packet_id):
        self.db.execute("DELETE FROM received WHERE packet_id = ?", [packet_id])
        return "PUBCOMP"
