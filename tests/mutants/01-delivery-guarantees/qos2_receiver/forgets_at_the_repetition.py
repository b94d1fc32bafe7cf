# diagnosis: forgets-too-early
import sqlite3


class Receiver:
    def __init__(self, db):
        self.db = db

    def on_publish(self, packet_id, payload):
        try:
            with self.db.atomic():
                self.db["received"].insert({"packet_id": packet_id})
                self.db["inbox"].insert({"payload": payload})
        except sqlite3.IntegrityError:
            self.forget(packet_id)  # here
        return "PUBREC"

    def on_pubrel(self, packet_id):
        self.forget(packet_id)
        return "PUBCOMP"

    def forget(self, packet_id):
        self.db["received"].delete_where("packet_id = ?", [packet_id])  # here
