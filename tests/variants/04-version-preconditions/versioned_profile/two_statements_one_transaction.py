from contextlib import contextmanager


@contextmanager
def transaction(db):
    db.begin()
    try:
        yield db.execute
        db.commit()
    finally:
        db.rollback()


def handle(message, db):
    newer = "id = :customer AND version < :version"
    with transaction(db) as execute:
        execute(f"UPDATE customer SET address = :address WHERE {newer}", message.body)
        execute(f"UPDATE customer SET version = :version WHERE {newer}", message.body)
