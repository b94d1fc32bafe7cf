# diagnosis: check-then-act
import asyncio

LOCK = asyncio.Lock()


async def credit(message, db):
    async with LOCK:
        if db.execute("SELECT 1 FROM processed WHERE message_id = ?", [message.id]).fetchone() is None:  # here
            db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id])
            db.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", message.body)  # here


def handle(message, db):
    asyncio.run(credit(message, db))
