ex.turn("bonus_table", "CREATE TABLE bonus (order_id TEXT NOT NULL UNIQUE, customer INTEGER NOT NULL, points INTEGER)")
