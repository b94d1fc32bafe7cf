ex.turn("three_tries", qos1)
