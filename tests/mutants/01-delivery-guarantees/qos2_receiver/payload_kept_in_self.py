# diagnosis: memory-in-process
class Receiver:
    def __init__(self, db):
        self.db = db
        self.pending = {}  # here

    def on_publish(self, packet_id, payload):
        self.pending[packet_id] = payload  # here
        return "PUBREC"

    def on_pubrel(self, packet_id):
        payload = self.pending.pop(packet_id, None)  # here
        if payload is not None:
            self.db["inbox"].insert({"payload": payload})
        return "PUBCOMP"
