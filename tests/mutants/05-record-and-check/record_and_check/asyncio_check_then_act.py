# diagnosis: check-then-act
import asyncio


async def is_new(message, db):
    return db.execute("SELECT 1 FROM processed WHERE message_id = ?", [message.id]).fetchone() is None  # here


async def credit(message, db):
    if await is_new(message, db):
        await asyncio.sleep(0.01)
        with db.atomic():
            db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id])
            db.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", message.body)  # here


def handle(message, db):
    asyncio.run(credit(message, db))
