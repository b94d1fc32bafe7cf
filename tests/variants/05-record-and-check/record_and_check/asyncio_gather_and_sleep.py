import asyncio


async def pause():
    await asyncio.sleep(0.05)


async def credit(message, db):
    await asyncio.sleep(0)
    with db.atomic():
        if db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id]).rowcount:
            db.execute(
                "UPDATE account SET balance = balance + ? WHERE id = ?",
                [message.body["amount"], message.body["account"]],
            )
    return message.id


async def both(message, db):
    done, _ = await asyncio.gather(credit(message, db), pause())
    assert done == message.id


def handle(message, db):
    asyncio.run(both(message, db))
