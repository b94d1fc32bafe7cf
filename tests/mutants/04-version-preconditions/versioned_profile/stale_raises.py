# diagnosis: poison-message
class StaleProfile(Exception):
    """A newer address is known."""


def handle(message, db):
    applied = db.execute(
        "UPDATE customer SET address = :address, version = :version"
        " WHERE id = :customer AND version < :version",
        message.body,
    ).rowcount
    if applied == 0:  # here
        raise StaleProfile(message.id)  # here
