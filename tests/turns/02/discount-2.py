ex.turn("discount", "UPDATE orders SET")
