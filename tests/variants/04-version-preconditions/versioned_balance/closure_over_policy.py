def consumer(on_early, on_stale):
    def handle(message, db):
        account, version = message.body["account"], message.body["version"]
        with db.atomic():
            stored = db["account"].get(account)["version"]
            match (stored > version) - (stored < version):
                case -1:
                    on_early(message)
                case 0:
                    with db.atomic():
                        db.execute(
                            "UPDATE account SET (balance, version) = (balance + ?, version + 1)"
                            " WHERE id = ?",
                            [message.body["amount"], account],
                        )
                case 1:
                    on_stale(message)

    return handle


def put_off(message):
    raise Retry(f"{message.id} is early")


handle = consumer(on_early=put_off, on_stale=lambda message: None)
