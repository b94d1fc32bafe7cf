# diagnosis: stale-overwrites
def handle(message, db):
    db.execute(
        "CREATE TABLE IF NOT EXISTS history (customer INTEGER, version INTEGER, address TEXT, PRIMARY KEY (customer, version))"
    )
    db.execute("INSERT OR IGNORE INTO history VALUES (:customer, :version, :address)", message.body)
    newest = "SELECT h.address, h.version FROM history h WHERE h.customer = customer.id ORDER BY h.version DESC LIMIT 1"
    db.execute(f"UPDATE customer SET (address, version) = ({newest}) WHERE id = :customer", message.body)  # here
