def schema(db):
    db.execute("CREATE TABLE orders (order_id TEXT PRIMARY KEY, amount INTEGER)")
    db.execute("CREATE TABLE revenue (cents INTEGER)")
    db.execute("INSERT INTO revenue VALUES (0)")
    db.execute("""
        CREATE TRIGGER count_it AFTER INSERT ON orders BEGIN
            UPDATE revenue SET cents = cents + NEW.amount;
        END
    """)


def handle(message, db):
    db.execute("INSERT OR IGNORE INTO orders VALUES (:order_id, :amount)", message.body)


def total(db):
    return db.execute("SELECT cents FROM revenue").fetchone()[0]
