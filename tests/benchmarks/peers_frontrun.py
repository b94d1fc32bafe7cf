"""The lecture's race in the terms of frontrun, as its documentation shows them. Run by `peers.py`, not by hand.

It runs in an environment of its own, in which there is frontrun and no `redelivery`, and prints one line of JSON::

    frontrun python peers_frontrun.py MODE FOLDER

A worker is a consumer that was delivered message 8: a second delivery is a second worker, written down here by hand.
The database is a real file. ``timeout=0``: a wait inside SQLite's own code can't be scheduled, so the consumer is told
"database is locked" at once, pauses, and handles the message again. That is what the documentation advises for
locks that the tool can't see; with SQLite's own waiting, the right handler gets no verdict.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import sqlite3
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import frontrun

TRIES = 20
ATTEMPTS = 100
FIRST_BUGS = 7
LOOK = "SELECT 1 FROM processed WHERE message_id = '8'"
CREDIT = "UPDATE account SET balance = balance + 100 WHERE id = 666"
MARK = "INSERT INTO processed VALUES ('8')"
CLAIM = "INSERT OR IGNORE INTO processed VALUES ('8')"

# -- three handlers -----------------------------------------------------------------------------------------


def race(db: sqlite3.Connection) -> None:
    if db.execute(LOOK).fetchone():
        return
    db.execute(CREDIT)
    db.execute(MARK)


def right(db: sqlite3.Connection) -> None:
    db.execute("BEGIN IMMEDIATE")
    if not db.execute(LOOK).fetchone():
        db.execute(CREDIT)
        db.execute(MARK)
    db.execute("COMMIT")


def gap(db: sqlite3.Connection) -> None:
    """No race; a crash after the claim loses the payment."""
    if db.execute(CLAIM).rowcount == 0:
        return
    db.execute(CREDIT)


async def race_async(db: sqlite3.Connection) -> None:
    if (await pausing(db, LOOK)).fetchone():
        return
    await pausing(db, CREDIT)
    await pausing(db, MARK)


async def right_async(db: sqlite3.Connection) -> None:
    await pausing(db, "BEGIN IMMEDIATE")
    if not (await pausing(db, LOOK)).fetchone():
        await pausing(db, CREDIT)
        await pausing(db, MARK)
    await pausing(db, "COMMIT")


async def gap_async(db: sqlite3.Connection) -> None:
    if (await pausing(db, CLAIM)).rowcount == 0:
        return
    await pausing(db, CREDIT)


async def pausing(db: sqlite3.Connection, sql: str) -> sqlite3.Cursor:
    """Every await is a point at which another task may go on."""
    await asyncio.sleep(0)
    return db.execute(sql)


async def race_aiosqlite(db: Any) -> None:
    if await (await db.execute(LOOK)).fetchone():
        return
    await db.execute(CREDIT)
    await db.execute(MARK)


async def right_aiosqlite(db: Any) -> None:
    await db.execute("BEGIN IMMEDIATE")
    if not await (await db.execute(LOOK)).fetchone():
        await db.execute(CREDIT)
        await db.execute(MARK)
    await db.execute("COMMIT")


async def gap_aiosqlite(db: Any) -> None:
    if (await db.execute(CLAIM)).rowcount == 0:
        return
    await db.execute(CREDIT)


# -- the consumer: what is not acknowledged is handled again ------------------------------------------------


def consume(path: str, handle: Callable[[sqlite3.Connection], None], tries: int = TRIES) -> None:
    db = sqlite3.connect(path, isolation_level=None, timeout=0, check_same_thread=False)
    try:
        for _ in range(tries):
            try:
                return handle(db)
            except sqlite3.Error:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                time.sleep(0.01)
    finally:
        db.close()


async def consume_async(path: str, handle: Callable[[sqlite3.Connection], Any]) -> None:
    db = sqlite3.connect(path, isolation_level=None, timeout=0)
    try:
        for _ in range(TRIES):
            try:
                return await handle(db)
            except sqlite3.Error:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                await asyncio.sleep(0.01)
    finally:
        db.close()


async def consume_aiosqlite(path: str, handle: Callable[[Any], Any]) -> None:
    import aiosqlite

    async with aiosqlite.connect(path, isolation_level=None, timeout=0) as db:
        for _ in range(TRIES):
            try:
                return await handle(db)
            except sqlite3.Error:
                if db.in_transaction:
                    await db.execute("ROLLBACK")
                await asyncio.sleep(0.01)


def worker(consumer: Callable[..., Any], handle: Callable[..., Any]) -> Callable[[str], Any]:
    """A worker as frontrun wants it: of one argument, and recognizably sync or async."""
    if inspect.iscoroutinefunction(consumer):

        async def work_async(path: str) -> None:
            await consumer(path, handle)

        return work_async

    def work(path: str) -> None:
        consumer(path, handle)

    return work


def prepare(path: str) -> str:
    db = sqlite3.connect(path, isolation_level=None)
    db.executescript(
        "PRAGMA journal_mode = wal; PRAGMA synchronous = off;"
        "DROP TABLE IF EXISTS account; CREATE TABLE account (id INTEGER PRIMARY KEY, balance INTEGER);"
        "DROP TABLE IF EXISTS processed; CREATE TABLE processed (message_id TEXT PRIMARY KEY);"
        "INSERT INTO account VALUES (666, 0)"
    )
    db.close()
    return path


def credited_once(path: str) -> bool:
    db = sqlite3.connect(path)
    balance = db.execute("SELECT balance FROM account WHERE id = 666").fetchone()[0]
    db.close()
    return bool(balance == 100)


# -- the modes ----------------------------------------------------------------------------------------------

DPOR_ALL = {"stop_on_first": False, "preemption_bound": None, "total_timeout": 60.0}
MODES: dict[str, tuple[Callable[..., Any], tuple[Callable[..., Any], ...], dict[str, Any], dict[str, Any]]] = {
    # mode: consumer; the three handlers; options for the first bug; options for a whole search
    "dpor-threads": (
        consume,
        (race, right, gap),
        {"reproduce_on_failure": 0},
        {"reproduce_on_failure": 0, **DPOR_ALL},
    ),
    "random-threads": (
        consume,
        (race, right, gap),
        {"reproduce_on_failure": 0, "strategy": "random"},
        {"reproduce_on_failure": 0, "strategy": "random", "max_attempts": ATTEMPTS, "seed": 8},
    ),
    "random-async": (
        consume_async,
        (race_async, right_async, gap_async),
        {"strategy": "random"},
        {"strategy": "random", "max_attempts": ATTEMPTS, "seed": 8},
    ),
    "dpor-async": (
        consume_aiosqlite,
        (race_aiosqlite, right_aiosqlite, gap_aiosqlite),
        {"reproduce_on_failure": 0, "warn_nondeterministic_sql": False},
        {"reproduce_on_failure": 0, "warn_nondeterministic_sql": False, **DPOR_ALL},
    ),
    "dpor-processes": (
        # It tries a locked statement fifty times by itself, and its pauses are real ones here.
        partial(consume, tries=2),
        (race, right, gap),
        {"execution": "process", "reuse_workers": True},
        {"execution": "process", "reuse_workers": True, **DPOR_ALL},
    ),
}


def explore(path: str, consumer: Callable[..., Any], handle: Callable[..., Any], **options: Any) -> tuple[Any, float]:
    """What frontrun finds, and the seconds it takes."""
    started = time.perf_counter()
    found = frontrun.explore(
        setup=partial(prepare, path), workers=worker(consumer, handle), count=2, invariant=credited_once, **options
    )
    if inspect.isawaitable(found):

        async def wait() -> Any:
            return await found

        found = asyncio.run(wait())
    return found, time.perf_counter() - started


def judged(path: str, consumer: Callable[..., Any], handle: Callable[..., Any], options: dict[str, Any]) -> Any:
    """A verdict in a few words, schedules and seconds."""
    try:
        result, seconds = explore(path, consumer, handle, **options)
    except Exception as error:
        return {
            "holds": None,
            "why": f"{type(error).__name__}: {error}",
            "schedules": 0,
            "seconds": 0.0,
            "exhausted": False,
        }
    why = result.inconclusive_reason or result.explanation or ""
    whole = result.exhausted
    if whole is None:  # threads and tasks don't report it
        whole = seconds < options.get("total_timeout", 0) / 2
    return {
        "holds": result.property_holds,
        "why": why,
        "schedules": result.num_explored,
        "seconds": seconds,
        "exhausted": whole,
    }


def main() -> None:
    """Measure one mode."""
    mode, folder = sys.argv[1:]
    path = str(Path(folder) / f"{mode}.db")
    consumer, (racing, correct, gappy), first, whole = MODES[mode]
    taken, found = [], 0
    for seed in range(-1, FIRST_BUGS):  # the first one warms up and doesn't count
        options = {"seed": seed + 1} if "strategy" in first else {}
        result, seconds = explore(path, consumer, racing, **first, **options)
        if seed >= 0 and result.property_holds is False:
            found += 1
            taken.append(seconds * 1000)
    answer = {
        "version": version("frontrun"),
        "first_ms": statistics.median(taken) if taken else None,
        "found": f"{found} of {FIRST_BUGS}",
    }
    print(json.dumps(answer), flush=True)
    for name, handle in (("race", racing), ("right", correct), ("gap", gappy)):
        answer[name] = judged(path, consumer, handle, whole)
        print(json.dumps(answer), flush=True)  # the last line counts; there is one even if the next step hangs


if __name__ == "__main__":
    main()
