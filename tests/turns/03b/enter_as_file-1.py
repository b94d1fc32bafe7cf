def enter_as_file(folder, transfer_id, account):
    (folder / f"{transfer_id}{account}").touch()
    return "entered"


ex.turn("enter_as_file", enter_as_file)
