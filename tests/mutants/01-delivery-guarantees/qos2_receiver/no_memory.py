# diagnosis: no-duplicate-check
class Receiver:
    def __init__(self, db):
        self.db = db

    def on_publish(self, packet_id, payload):
        self.db["inbox"].insert({"payload": payload})  # here
        return "PUBREC"

    def on_pubrel(self, packet_id):
        return "PUBCOMP"
