two_hundred = "AAAA"
ex.turn("two_hundred", two_hundred, handle)
