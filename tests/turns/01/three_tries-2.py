ex.turn("three_tries", qos0)
