def put_newer(state, order, version, amount):
    state[order] = (version, amount)


ex.turn("newest_wins", put_newer)
