two_hundred = 8
ex.turn("two_hundred", two_hundred, handle)
