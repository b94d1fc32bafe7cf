def enter_as_file(folder, transfer_id, account):
    if (folder / transfer_id).exists():
        return "is there already"
    (folder / transfer_id).touch()
    return "entered"


ex.turn("enter_as_file", enter_as_file)
