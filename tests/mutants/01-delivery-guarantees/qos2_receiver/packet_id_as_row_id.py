# diagnosis: never-forgets
class Receiver:
    def __init__(self, db):
        self.db = db

    def on_publish(self, packet_id, payload):
        self.db["inbox"].insert({"id": packet_id, "payload": payload}, ignore=True)  # here
        return "PUBREC"

    def on_pubrel(self, packet_id):  # here
        return "PUBCOMP"  # here
