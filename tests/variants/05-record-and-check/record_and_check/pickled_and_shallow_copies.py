import copy
import json
import pickle


def handle(message, db):
    mine = pickle.loads(pickle.dumps(copy.copy(message)))
    body = json.loads(json.dumps(copy.deepcopy(mine.body)))
    with db.atomic():
        if db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [mine.id]).rowcount:
            db.execute("UPDATE account SET balance = balance + ? WHERE id = ?", [body["amount"], body["account"]])
