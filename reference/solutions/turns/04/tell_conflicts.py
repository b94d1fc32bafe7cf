def apply(made, message_id, version):
    if version not in made:
        made[version] = message_id
        return "applied"
    return "duplicate" if made[version] == message_id else "conflict"


ex.turn("tell_conflicts", apply)
