def handle(message, db):
    profile = Profile(db, message.body["customer"])
    if message.body["version"] > profile.version:
        profile.write(message.body["address"], message.body["version"])


class Profile:
    def __init__(self, db, customer):
        self.db = db
        self.customer = customer
        self.version = db["customer"].get(customer)["version"]

    def write(self, address, version):
        with self.db.conn as conn:
            changed = conn.execute(
                "UPDATE customer SET (address, version) = (?, ?) WHERE id = ? AND version = ?",
                (address, version, self.customer, self.version),
            ).rowcount
        if not changed:
            raise Retry("the profile was changed meanwhile")
