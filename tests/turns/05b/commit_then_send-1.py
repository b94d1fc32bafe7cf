ex.turn("commit_then_send", new_key)
