# diagnosis: memory-in-process
class Receiver:
    unreleased = set()  # here

    def __init__(self, db):
        self.inbox = db.table("inbox")

    def on_publish(self, packet_id, payload):
        if packet_id not in self.unreleased:  # here
            self.inbox.insert({"payload": payload})
            self.unreleased.add(packet_id)  # here
        return "PUBREC"

    def on_pubrel(self, packet_id):
        self.unreleased.discard(packet_id)
        return "PUBCOMP"
