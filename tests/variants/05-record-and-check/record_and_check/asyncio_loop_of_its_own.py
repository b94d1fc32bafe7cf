import asyncio


class Consumer:
    def __init__(self, db):
        self.db = db

    async def claim(self, message):
        return self.db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id]).rowcount == 1

    async def credit(self, message):
        async with asyncio.Lock():
            with self.db.atomic():
                if await self.claim(message):
                    self.db.execute(
                        "UPDATE account SET balance = balance + ? WHERE id = ?",
                        [message.body["amount"], message.body["account"]],
                    )


def handle(message, db):
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(Consumer(db).credit(message))
    finally:
        loop.close()
