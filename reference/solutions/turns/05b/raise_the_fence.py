RAISE = "UPDATE account SET fence = :token WHERE id = 666 AND fence < :token"
WRITE = "UPDATE account SET balance = balance + 100 WHERE id = 666 AND fence = :token"
ex.turn("raise_the_fence", RAISE, WRITE)
