ex.turn("pay_if_open", "UPDATE orders SET state = 'paid' WHERE state = 'open'")
