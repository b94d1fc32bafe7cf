import asyncio


async def produce(message, queue):
    await queue.put(message)
    await queue.put(None)


async def consume(queue, db):
    while (message := await queue.get()) is not None:
        with db.atomic():
            if db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id]).rowcount:
                db.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", message.body)


async def main(message, db):
    queue = asyncio.Queue(1)
    async with asyncio.TaskGroup() as group:
        group.create_task(produce(message, queue))
        group.create_task(consume(queue, db))


def handle(message, db):
    asyncio.run(asyncio.wait_for(main(message, db), timeout=30))
