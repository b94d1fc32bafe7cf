def apply(made, message_id, version):
    if version in made:
        return "duplicate"
    made[version] = message_id
    return "applied"


ex.turn("tell_conflicts", apply)
