ex.turn("raise_the_fence", "UPDATE account SET fence = :token WHERE fence < :token", "UPDATE account SET balance = balance + 100")
