# diagnosis: key-from-payload
class Receiver:
    def __init__(self, db):
        self.db = db
        self.name = "r"
        self.last = {r["payload"] for r in db["inbox"].rows}

    def on_publish(self, packet_id, payload):
        if payload not in self.last:  # here
            self.db["inbox"].insert({"payload": payload})
            self.last.add(payload)
        return "PUBREC"

    def on_pubrel(self, packet_id):
        return "PUBCOMP"
