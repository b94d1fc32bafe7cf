ex.turn("three_words", lambda stored, version: "apply" if version >= stored else "stale")
