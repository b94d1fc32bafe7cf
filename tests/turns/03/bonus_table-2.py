ex.turn("bonus_table", "CREATE TABLE bonus (order_id, customer, points, UNIQUE (order_id, customer))")
