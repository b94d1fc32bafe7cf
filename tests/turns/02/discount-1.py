ex.turn("discount", "UPDATE orders SET amount = 20")
