def decide(stored, version):
    if version == stored:
        return "apply"
    return "early" if version > stored else "stale"


ex.turn("three_words", decide)
