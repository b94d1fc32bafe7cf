# diagnosis: key-from-payload
import hashlib


def fingerprint(body):
    text = ",".join(f"{key}={body[key]}" for key in sorted(body))  # here
    return hashlib.sha256(text.encode()).hexdigest()  # here


def handle(message, db):
    key = fingerprint(message.body)  # here
    with db.atomic():
        if db["processed"].count_where("message_id = ?", [key]):
            return
        db["processed"].insert({"message_id": key})
        db.execute(
            "UPDATE account SET balance = balance + ? WHERE id = ?",
            [message.body["amount"], message.body["account"]],
        )
