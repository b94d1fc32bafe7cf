ex.turn("settle_by_count", schema, enter, add_then_tick)
