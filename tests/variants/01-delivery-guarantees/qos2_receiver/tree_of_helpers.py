class Part:
    def __init__(self, parent):
        self.parent = parent
        self.children = set()
        if parent is not None:
            parent.children.add(self)


class Receiver(Part):
    def __init__(self, db):
        super().__init__(None)
        self.db = db
        self.inbox, self.ids = Part(self), Part(self)

    def on_publish(self, packet_id, payload):
        with self.db.atomic():
            if self.db.execute("INSERT OR IGNORE INTO received VALUES (?)", [packet_id]).rowcount == 1:
                self.db.execute("INSERT INTO inbox (payload) VALUES (?)", [payload])
        return "PUBREC"

    def on_pubrel(self, packet_id):
        self.db.execute("DELETE FROM received WHERE packet_id = ?", [packet_id])
        return "PUBCOMP"
