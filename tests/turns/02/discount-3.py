ex.turn("discount", "UPDATE orders SET amount = 20 WHERE order_id = 'o1'")
