def put_newer(state, order, version, amount):
    if order not in state or state[order][0] < version:
        state[order] = (version, amount)


ex.turn("newest_wins", put_newer)
