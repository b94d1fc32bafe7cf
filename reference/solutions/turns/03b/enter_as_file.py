def enter_as_file(folder, transfer_id, account):
    try:
        (folder / f"{transfer_id}-{account}").touch(exist_ok=False)
    except FileExistsError:
        return "is there already"
    return "entered"


ex.turn("enter_as_file", enter_as_file)
