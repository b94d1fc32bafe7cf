def enter_as_file(folder, transfer_id, account):
    name = f"{transfer_id}-{account}"
    if name in [file.name for file in folder.iterdir()]:
        return "is there already"
    (folder / name).write_text("")
    return "entered"


ex.turn("enter_as_file", enter_as_file)
