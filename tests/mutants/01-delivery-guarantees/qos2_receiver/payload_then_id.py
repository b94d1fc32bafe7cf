# diagnosis: effect-before-mark
class Receiver:
    def __init__(self, db):
        self.received, self.inbox = db["received"], db["inbox"]

    def on_publish(self, packet_id, payload):
        if self.received.count_where("packet_id = ?", [packet_id]) == 0:
            self.inbox.insert({"payload": payload})  # here
            self.received.insert({"packet_id": packet_id})  # here
        return "PUBREC"

    def on_pubrel(self, packet_id):
        self.received.delete_where("packet_id = ?", [packet_id])
        return "PUBCOMP"
