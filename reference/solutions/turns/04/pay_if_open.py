PAY = "UPDATE orders SET state = 'paid' WHERE number = :number AND state = 'open'"
ex.turn("pay_if_open", PAY)
