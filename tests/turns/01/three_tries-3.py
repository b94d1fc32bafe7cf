def three_tries(wire):
    for _ in range(3):
        if wire("PUBLISH") and wire("PUBACK"):
            break


ex.turn("three_tries", three_tries)
