ex.turn("raise_the_fence", "UPDATE account SET fence = :token", "UPDATE account SET balance = balance + 100 WHERE fence = :token")
