class Receiver:
    def __init__(self, db):
        def on_publish(packet_id, payload):
            with db.atomic():
                db.execute(
                    """INSERT INTO inbox (payload) SELECT :payload
                       WHERE NOT EXISTS (SELECT 1 FROM received WHERE packet_id = :id)""",
                    {"payload": payload, "id": packet_id},
                )
                db.execute("INSERT OR IGNORE INTO received VALUES (:id)", {"id": packet_id})
            return "PUBREC"

        def on_pubrel(packet_id):
            db.execute("DELETE FROM received WHERE packet_id = ?", [packet_id])
            return "PUBCOMP"

        self.on_publish, self.on_pubrel = on_publish, on_pubrel
