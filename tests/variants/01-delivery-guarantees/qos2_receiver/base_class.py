class Memory:
    def __init__(self, db):
        self.table = db["received"]

    def __contains__(self, packet_id):
        return self.table.count_where("packet_id = ?", [packet_id]) > 0

    def add(self, packet_id):
        self.table.insert({"packet_id": packet_id})

    def forget(self, packet_id):
        self.table.delete_where("packet_id = ?", [packet_id])


class Receiver:
    def __init__(self, db):
        self.db = db
        self.memory = Memory(db)

    def on_publish(self, packet_id, payload):
        self.db.begin()
        if packet_id in self.memory:
            self.db.rollback()
        else:
            self.memory.add(packet_id)
            self.db["inbox"].insert({"payload": payload})
            self.db.commit()
        return "PUBREC"

    def on_pubrel(self, packet_id):
        self.memory.forget(packet_id)
        return "PUBCOMP"
