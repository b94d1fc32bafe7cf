def handle(message, db):
    account, version = message.body["account"], message.body["version"]
    db.execute("BEGIN IMMEDIATE")
    try:
        (stored,) = db.execute("SELECT version FROM account WHERE id = ?", [account]).fetchone()
        if version > stored:
            raise Retry(f"version {version} came before {stored}")
        if version == stored:
            db.execute(
                "UPDATE account SET balance = balance + ?, version = ? WHERE id = ?",
                [message.body["amount"], version + 1, account],
            )
    except BaseException:
        db.rollback()
        raise
    db.commit()
