def three_tries(wire):
    inbox = []
    for _ in range(3):
        if wire("PUBLISH"):
            inbox.append("8")
            if wire("PUBACK"):
                break
    return inbox


ex.turn("three_tries", three_tries)
