"""Exercise 04, version preconditions (topics L10, L11, Q7)."""

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

NAME = "04-version-preconditions"
Update = tuple[str, dict[str, Any]]


def _change(identity: str, version: int, amount: int, balance: int, account: int = 666) -> Update:
    return identity, {"account": account, "amount": amount, "version": version, "balance": balance}


def _account(rows: Sequence[tuple[int, int, int]]) -> Callable[[sqlite3.Connection], None]:
    def prepare(connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE account (id INTEGER PRIMARY KEY, balance INTEGER, version INTEGER)")
        connection.executemany("INSERT INTO account VALUES (?, ?, ?)", rows)

    return prepare


def balance_scenario(name: str, changes: Sequence[Update], bounds: Bounds) -> Scenario:
    """Changes to be applied once each, in the order of their versions."""
    opening = {666: (500, 7), 777: (0, 8)}  # both get through version 8: a change must not take the other for its own
    must = dict(opening)
    history: dict[Value, dict[Value, int]] = {
        account: {version: balance} for account, (balance, version) in opening.items()
    }
    for _, body in sorted(changes, key=lambda change: int(change[1]["version"])):
        balance, version = must[body["account"]]
        must[body["account"]] = (balance + body["amount"], version + 1)
        history[body["account"]][version + 1] = balance + body["amount"]

    def judge(contents: Contents) -> str | None:
        holds = {row[0]: row[1:] for row in rows_of(contents, "account")}
        for account, (balance, version) in must.items():
            found = holds.get(account, (None, None))
            if found[0] != balance:
                return f"account {account} holds {found[0]!r}, must hold {balance}"
            if found[1] != version:
                return f"account {account} has version {found[1]!r}, must have {version}"
        return None if len(holds) == len(must) else "an account has been added"

    def out_of_order(contents: Contents) -> str | None:
        # A balance that belongs to the version before or after is half of a change: what becomes of it, the end shows.
        for row in rows_of(contents, "account"):
            known = history.get(row[0]) if len(row) > 2 else None
            if known is None or row[2] not in known:
                continue
            place = list(known).index(row[2])
            if row[1] not in list(known.values())[max(place - 1, 0) : place + 2]:
                return f"account {row[0]!r} holds {row[1]!r} at version {row[2]!r}, must hold {known[row[2]]} there"
        return None

    return Scenario(
        name,
        "handle",
        changes,
        _account([(account, *values) for account, values in opening.items()]),
        judge,
        bounds,
        frozenset({"account"}),
        (("balance", lambda contents: _field(contents, "account", 1)), ("version", lambda c: _field(c, "account", 2))),
        never=out_of_order,
        family="versions",
    )


def _field(contents: Contents, table: str, column: int) -> str:
    return str(next((row[column] for row in rows_of(contents, table)), "–"))


VERSIONED_BALANCE = HandlerPart(
    "versioned_balance",
    5,
    (
        balance_scenario("one change", [_change("8", 7, 100, 500)], Bounds()),
        balance_scenario("there and back", [_change("8", 7, 100, 500), _change("88", 8, -100, 600)], Bounds()),
        balance_scenario(
            "there and back, out of order",
            [_change("9", 8, -100, 600), _change("8", 7, 100, 500), _change("88", 9, 100, 500)],
            Bounds(faults=1),
        ),
        balance_scenario(
            "two accounts, far out of order",
            [
                _change("3", 9, -50, 500),
                _change("4", 9, 50, 100, 777),
                _change("2", 8, -100, 600),
                _change("5", 8, 100, 0, 777),
                _change("1", 7, 100, 500),
            ],
            Bounds(consumers=1, faults=1),
        ),
    ),
    covered="Proved: within these bounds every change is applied exactly once and in order, although the balance goes "
    "away and comes back. Not covered: a version that is never sent; everything after it would wait for it.",
)


def _move(identity: str, version: int, address: str, customer: int = 666) -> Update:
    return identity, {"customer": customer, "address": address, "version": version}


def _customers(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE customer (id INTEGER PRIMARY KEY, address TEXT, version INTEGER)")
    connection.executemany("INSERT INTO customer VALUES (?, ?, ?)", [(666, "Nowhere 1", 0), (777, "Old Road 7", 3)])


def profile_scenario(name: str, moves: Sequence[Update], bounds: Bounds) -> Scenario:
    """States, of which the one with the highest version must stay."""
    must: dict[int, tuple[str, int]] = {666: ("Nowhere 1", 0), 777: ("Old Road 7", 3)}
    for _, body in moves:
        if body["version"] > must[body["customer"]][1]:
            must[body["customer"]] = (body["address"], body["version"])

    def judge(contents: Contents) -> str | None:
        holds = {row[0]: row[1:] for row in rows_of(contents, "customer")}
        for customer, (address, version) in must.items():
            found = holds.get(customer, (None, None))
            if found[0] != address:
                return f"customer {customer} lives at {found[0]!r}, must live at {address!r}"
            if found[1] != version:
                return f"customer {customer} has version {found[1]!r}, must have {version}"
        return None if len(holds) == len(must) else "a customer has been added"

    return Scenario(
        name,
        "handle",
        moves,
        _customers,
        judge,
        bounds,
        frozenset({"customer"}),
        (
            ("address", lambda contents: _field(contents, "customer", 1)),
            ("version", lambda contents: _field(contents, "customer", 2)),
        ),
        family="versions",
    )


VERSIONED_PROFILE = HandlerPart(
    "versioned_profile",
    3,
    (
        profile_scenario("one move", [_move("8", 2, "High Street 8")], Bounds()),
        profile_scenario(
            "two moves, the later one first", [_move("88", 9, "Low Lane 9"), _move("8", 2, "High Street 8")], Bounds()
        ),
        profile_scenario(
            "there and back, with gaps",
            [_move("3", 5, "High Street 8"), _move("1", 2, "High Street 8"), _move("2", 3, "Low Lane 9")],
            Bounds(faults=1),
        ),
        profile_scenario(
            "two customers",
            [
                _move("1", 12, "High Street 8"),
                _move("2", 9, "Low Lane 9"),
                _move("3", 2, "Old Road 7", 777),
                _move("4", 10, "Low Lane 10", 777),
                _move("5", 4, "o'Neill Square", 777),
            ],
            Bounds(consumers=1, faults=1),
        ),
    ),
    covered="Proved: within these bounds the address with the highest version stays, whatever the order. Not covered: "
    "updates of single fields, which are changes and not states.",
)

BROKEN = """def handle(message, db):
    body = message.body
    updated = db.execute(
        "UPDATE account SET balance = balance + ?, version = version + 1 WHERE id = ? AND balance = ?",
        [body["amount"], body["account"], body["balance"]],
    ).rowcount
    db.conn.commit()
    version = db["account"].get(body["account"])["version"]
    if updated == 0 and version <= body["version"]:
        raise Retry("too early")
"""
BREAK_IT = BreakIt(
    "break_it",
    2,
    balance_scenario("there and back", [_change("8", 7, 100, 500), _change("88", 8, -100, 600)], Bounds()),
    BROKEN,
)

PARTS = (VERSIONED_BALANCE, VERSIONED_PROFILE, BREAK_IT)
