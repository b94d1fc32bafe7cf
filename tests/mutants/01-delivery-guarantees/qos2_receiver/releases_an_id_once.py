# diagnosis: never-forgets
import functools
import sqlite3


class Receiver:
    def __init__(self, db):
        self.db = db

    def on_publish(self, packet_id, payload):
        try:
            with self.db.atomic():
                self.db["inbox"].insert({"payload": payload})
                self.db["received"].insert({"packet_id": packet_id})  # here
        except sqlite3.IntegrityError:
            pass
        return "PUBREC"

    @functools.lru_cache(maxsize=1)  # here
    def on_pubrel(self, packet_id):
        with self.db.atomic():
            if self.db["received"].count_where("packet_id = ?", [packet_id]):
                self.db["received"].delete(packet_id)
        return "PUBCOMP"
