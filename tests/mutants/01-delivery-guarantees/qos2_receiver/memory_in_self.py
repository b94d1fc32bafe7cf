# diagnosis: memory-in-process
class Receiver:
    def __init__(self, db):
        self.db = db
        self.known = set()  # here

    def on_publish(self, packet_id, payload):
        if packet_id not in self.known:  # here
            self.db.execute("INSERT INTO inbox (payload) VALUES (?)", [payload])
            self.known.add(packet_id)  # here
        return "PUBREC"

    def on_pubrel(self, packet_id):
        self.known.discard(packet_id)
        return "PUBCOMP"
