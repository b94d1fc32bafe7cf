ex.turn("pay_if_open", "UPDATE orders SET state = 'paid' WHERE number = :number AND state <> 'paid'")
