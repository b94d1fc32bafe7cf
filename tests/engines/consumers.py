"""Consumers over a DB-API connection: psycopg's, and PyMySQL's, whose statements differ in a word or two."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from redelivery.engines.check import handlers
from redelivery.engines.port import Contents, Store
from redelivery.engines.search import Search
from redelivery.simulation.world import Bounds

ONE = [("8", {"account": 666, "amount": 100})]
TWO = [*ONE, ("9", {"account": 7, "amount": 50})]
FILES = frozenset([__file__])
CREDIT = "UPDATE account SET balance = balance + %s WHERE id = %s"
LOOK = "SELECT 1 FROM processed WHERE message_id = %s"
MARK = "INSERT INTO processed VALUES (%s)"


def tables(key: bool) -> tuple[str, ...]:
    """What is there before the first message; ``key``: whether a message's mark is unique."""
    return (
        "CREATE TABLE account (id INT PRIMARY KEY, balance INT)",
        f"CREATE TABLE processed (message_id VARCHAR(64){' PRIMARY KEY' if key else ''})",
        "CREATE TABLE ledger (account INT, amount INT)",
        "INSERT INTO account VALUES (666, 0), (7, 0)",
    )


def make(key: bool) -> Callable[[Any], None]:
    """The same as a function of a connection."""

    def run(connection: Any) -> None:
        cursor = connection.cursor()
        for statement in tables(key):
            cursor.execute(statement)

    return run


def check_then_act(message: Any, connection: Any) -> None:
    with connection.transaction():
        if connection.execute(LOOK, [message.id]).fetchone() is None:
            connection.execute(CREDIT, [message.body["amount"], message.body["account"]])
            connection.execute(MARK, [message.id])


def check_then_note(message: Any, connection: Any) -> None:
    """The effect is a row that is added."""
    with connection.transaction():
        if connection.execute(LOOK, [message.id]).fetchone() is None:
            connection.execute("INSERT INTO ledger VALUES (%s, %s)", [message.body["account"], message.body["amount"]])
            connection.execute(MARK, [message.id])


def claim(message: Any, connection: Any) -> None:
    with connection.transaction():
        if connection.execute(MARK + " ON CONFLICT DO NOTHING", [message.id]).rowcount:
            connection.execute(CREDIT, [message.body["amount"], message.body["account"]])


def advisory_note(message: Any, connection: Any) -> None:
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [message.id])
        if connection.execute(LOOK, [message.id]).fetchone() is None:
            connection.execute("INSERT INTO ledger VALUES (%s, %s)", [message.body["account"], message.body["amount"]])
            connection.execute(MARK, [message.id])


def advisory(message: Any, connection: Any) -> None:
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [message.id])
        if connection.execute(LOOK, [message.id]).fetchone() is None:
            connection.execute(CREDIT, [message.body["amount"], message.body["account"]])
            connection.execute(MARK, [message.id])


def claim_in_two_steps(message: Any, connection: Any) -> None:
    """Looks, and marks, where nothing is unique."""
    with connection.transaction():
        found = connection.execute(LOOK, [message.id]).fetchone()
        if found is None:
            connection.execute(MARK, [message.id])
            connection.execute(CREDIT, [message.body["amount"], message.body["account"]])


def crosses(message: Any, connection: Any) -> None:
    """Takes two rows; every second process in the other order."""
    first, second = (666, 7) if os.getpid() % 2 else (7, 666)
    with connection.transaction():
        connection.execute("UPDATE account SET balance = balance + 1 WHERE id = %s", [first])
        connection.execute("UPDATE account SET balance = balance + 1 WHERE id = %s", [second])


def sets_from_what_it_read(message: Any, connection: Any) -> None:
    """Reads, and writes what it has computed, in autocommit: late, the write undoes what came in between."""
    connection.autocommit = True
    found = connection.execute("SELECT balance FROM account WHERE id = 666").fetchone()
    connection.execute("UPDATE account SET balance = %s WHERE id = 666", [0 if found[0] else 100])


def credits_in_autocommit(message: Any, connection: Any) -> None:
    """The first time in a transaction that stays open for a while, afterwards in autocommit."""
    if message.attempt == 1:
        credits_in_transaction(message, connection)
        return
    connection.autocommit = True
    connection.execute(CREDIT, [message.body["amount"], message.body["account"]])


def credits_in_transaction(message: Any, connection: Any) -> None:
    with connection.transaction():
        connection.execute(CREDIT, [message.body["amount"], message.body["account"]])
        connection.execute(LOOK, [message.id])


def autocommit(message: Any, connection: Any) -> None:
    """Looks, and credits, each statement for itself."""
    connection.autocommit = True
    if connection.execute(LOOK, [message.id]).fetchone() is None:
        connection.execute(CREDIT, [message.body["amount"], message.body["account"]])
        connection.execute(MARK + " ON CONFLICT DO NOTHING", [message.id])


def credited(contents: Contents) -> str | None:
    """Each message of `ONE` and `TWO` has had its effect once."""
    found = dict(contents)
    balances: Any = dict(found["account"])  # type: ignore[arg-type]
    total = int(balances["666"]) + sum(int(str(row[1])) for row in found["ledger"])
    return None if total == 100 else f"666 holds {total}, must hold 100"


def both_hold(store: Store, handler: Callable[..., None], judge: Any = credited, consumers: int = 2) -> Search:
    """All schedules of consumers that all hold one message, without any fault."""
    return Search(
        store,
        lambda number: handlers({"handle": handler}),
        ONE,
        Bounds(consumers, 0),
        judge,
        files=FILES,
        both_hold=True,
        all_of_them=True,
    )


def with_faults(
    store: Store, handler: Callable[..., None], judge: Any = credited, bounds: Bounds | None = None
) -> Search:
    """All schedules of a queue with one message, within bounds."""
    return Search(store, lambda number: handlers({"handle": handler}), ONE, bounds or Bounds(), judge, files=FILES)
