ex.turn("settle_by_count", schema, enter, settle)
