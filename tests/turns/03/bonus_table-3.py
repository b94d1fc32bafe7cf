ex.turn(
    "bonus_table",
    "CREATE TABLE bonus (order_id TEXT NOT NULL, customer INTEGER NOT NULL, points INTEGER, "
    "UNIQUE (order_id, customer, points))",
)
