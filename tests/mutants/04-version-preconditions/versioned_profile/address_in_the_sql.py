# diagnosis: poison-message
def handle(message, db):
    body = message.body
    db.execute(  # here
        f"UPDATE customer SET address = '{body['address']}', version = {body['version']}"
        f" WHERE id = {body['customer']} AND version < {body['version']}"
    )
