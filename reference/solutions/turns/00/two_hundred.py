two_hundred = "A +A B"
ex.turn("two_hundred", two_hundred, handle)
