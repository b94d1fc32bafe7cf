two_hundred = "AXY"
ex.turn("two_hundred", two_hundred, handle)
