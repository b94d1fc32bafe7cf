"""Exercise 05, record and check (topics L12 to L15)."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

from ..exploration.scenario import Scenario
from ..simulation.operations import Value
from ..simulation.sqlite_store import Contents, rows_of
from ..simulation.world import Bounds
from .break_it import BreakIt
from .handler_part import HandlerPart

NAME = "05-record-and-check"
_OPENING = {666: 0, 777: 50}
_SCHEMA = """
CREATE TABLE account (id INTEGER PRIMARY KEY, balance INTEGER);
CREATE TABLE processed (message_id TEXT PRIMARY KEY);
"""
Payment = tuple[str, dict[str, Any]]


def _prepare(accounts: Sequence[int]) -> Callable[[sqlite3.Connection], None]:
    def prepare(connection: sqlite3.Connection) -> None:
        connection.executescript(_SCHEMA)
        connection.executemany("INSERT INTO account VALUES (?, ?)", [(a, _OPENING[a]) for a in accounts])

    return prepare


def _by_account(contents: Contents) -> dict[Value, Value]:
    return {row[0]: row[1] for row in rows_of(contents, "account")}


def _judge(payments: Sequence[Payment], accounts: Sequence[int]) -> Callable[[Contents], str | None]:
    must = {account: _OPENING[account] for account in accounts}
    for _, body in payments:
        must[body["account"]] += body["amount"]

    def judge(contents: Contents) -> str | None:
        holds = _by_account(contents)
        for account, amount in must.items():
            if account not in holds:
                return f"account {account} is gone, must hold {amount}"
            if holds[account] != amount:
                return f"account {account} holds {holds[account]!r}, must hold {amount}"
        extra = sorted(set(holds) - set(must), key=str)
        return f"account {extra[0]!r} has been added" if extra else None

    return judge


def _balances(accounts: Sequence[int]) -> tuple[tuple[str, Callable[[Contents], str]], ...]:
    def balance(account: int) -> Callable[[Contents], str]:
        return lambda contents: str(_by_account(contents).get(account, "–"))

    title = "balance" if len(accounts) == 1 else "balance of {}"
    return tuple((title.format(account), balance(account)) for account in accounts)


def _processed(contents: Contents) -> str:
    names = [str(row[-1]) for row in rows_of(contents, "processed")]
    return " ".join(names) or "–"


def scenario(name: str, payments: Sequence[Payment], bounds: Bounds) -> Scenario:
    """Payments to be credited once each."""
    accounts = sorted({body["account"] for _, body in payments})
    return Scenario(
        name,
        "handle",
        payments,
        _prepare(accounts),
        _judge(payments, accounts),
        bounds,
        frozenset({"account"}),
        (*_balances(accounts), ("processed", _processed)),
    )


def _pay(identity: str, account: int = 666, amount: int = 100) -> Payment:
    return identity, {"account": account, "amount": amount}


#: The lecture's race in its smallest form (L14): message 8, account 666, 100 to credit.
ONE = scenario("message 8 alone", [_pay("8")], Bounds())
#: Two payments with equal bodies; one id is the beginning of the other, and arrives later.
TWO = scenario("two equal payments", [_pay("88"), _pay("8")], Bounds())
#: Ids that differ in case, in a leading zero or in their order only; other amounts and accounts.
IDS = scenario(
    "ids that look alike",
    [_pay("b8"), _pay("B8"), _pay("08", 777, -30), _pay("8", 777, -30), _pay("8b")],
    Bounds(consumers=1, faults=1),
)
#: Ids with a blank, with signs that SQL reads otherwise, and long ones that differ at their end.
SIGNS = scenario(
    "ids with signs in them",
    [
        _pay("8"),
        _pay("8 "),
        _pay("_"),
        _pay("o'8", 777, 45),
        _pay("payment-2026-0008"),
        _pay("payment-2026-0009"),
    ],
    Bounds(consumers=1, faults=0),
)

RECORD_AND_CHECK = HandlerPart(
    "record_and_check",
    7,
    (ONE, TWO, IDS, SIGNS),
    covered="Proved: within these bounds every message is credited exactly once, whatever is delivered again, crashes, "
    "waits or gets lost. Not covered: more consumers or faults than that, effects outside this database, and a "
    "producer that sends the same payment under a new id.",
)

BROKEN = """def handle(message, db):
    claim = db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id])
    if claim.rowcount == 0:
        return
    db.execute(
        "UPDATE account SET balance = balance + ? WHERE id = ?",
        [message.body["amount"], message.body["account"]],
    )
"""

BREAK_IT = BreakIt("break_it", 3, ONE, BROKEN)

PARTS = (RECORD_AND_CHECK, BREAK_IT)
