# diagnosis: memory-in-process
class Receiver:
    def __init__(self, db):
        self.db = db
        self.retries = 3
        self.last = None  # here

    def on_publish(self, packet_id, payload):
        if self.last != packet_id:  # here
            self.db["inbox"].insert({"payload": payload})
            self.last = packet_id
        return "PUBREC"

    def on_pubrel(self, packet_id):
        self.last = None
        return "PUBCOMP"
