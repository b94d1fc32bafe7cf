three_hundred = "AAA +A BBB B~"
ex.turn("three_hundred", three_hundred, handle)
