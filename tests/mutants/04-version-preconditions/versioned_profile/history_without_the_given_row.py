# diagnosis: stale-overwrites
def handle(message, db):
    db.execute("CREATE TABLE IF NOT EXISTS history (customer INTEGER, version INTEGER, address TEXT, PRIMARY KEY (customer, version))")
    db.execute("INSERT OR IGNORE INTO history VALUES (:customer, :version, :address)", message.body)
    db.execute("""UPDATE customer SET (address, version) = (SELECT h.address, h.version FROM history h WHERE h.customer = customer.id  # here
                  ORDER BY h.version DESC LIMIT 1) WHERE id = :customer""", message.body)
