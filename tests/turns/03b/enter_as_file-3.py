def enter_as_file(folder, transfer_id, account):
    file = folder / f"{transfer_id}-{account}"
    if file.exists():
        return "is there already"
    file.touch()
    return "entered"


ex.turn("enter_as_file", enter_as_file)
