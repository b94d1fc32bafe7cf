two_hundred = "AAA A!"
ex.turn("two_hundred", two_hundred, handle)
