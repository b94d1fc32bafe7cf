DISCOUNT = "UPDATE orders SET amount = list_price - 10 WHERE order_id = 'o1'"
ex.turn("discount", DISCOUNT)
