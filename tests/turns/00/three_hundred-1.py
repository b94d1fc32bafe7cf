three_hundred = "A +A B"
ex.turn("three_hundred", three_hundred, handle)
