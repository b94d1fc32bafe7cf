def put_newer(state, order, version, amount):
    if amount > state.get(order, (0, 0))[1]:
        state[order] = (version, amount)


ex.turn("newest_wins", put_newer)
