"""Exercise 02, idempotence (topics L5 to L7)."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from ..scenarios import (
    STRAIGHT,
    WEAKER,
    Batch,
    Bounds,
    Call,
    Contents,
    HandlerPart,
    Must,
    Report,
    Scenario,
    Tool,
    rows_of,
)
from .break_it import BreakIt
from .claims import ClaimsPart
from .later import later, overtaken
from .readers import asked_at_times, with_reader
from .values.batch import JOINED, Drawing
from .values.numbers import amounts

NAME = "02-idempotence"
Order = tuple[str, dict[str, Any]]


def _order(identity: str, order: str, amount: int = 100) -> Order:
    return identity, {"order_id": order, "amount": amount}


def _other(number: int) -> Order:
    return _order(f"other {number}", f"x{number}", 1)


def _nothing(connection: sqlite3.Connection) -> None:
    """The learner's ``schema`` makes the tables."""


def answer_of(contents: Contents, call: str) -> tuple[Any, str | None]:
    """What a closing call answered, and the error that it ended in."""
    for name, value, error in rows_of(contents, "answers"):
        if name == call:
            return value, None if error is None else str(error)
    return None, f"{call} was never called"


def _rows(contents: Contents) -> str:
    """The learner's tables: after each name its rows, each after its row number."""
    shown = []
    for name, rows in contents:
        if name not in ("answers", "dead letters", "sqlite_sequence"):
            texts = [f"{row[0]!s}: {' '.join(map(str, row[1:]))}".rstrip(": ") for row in rows]
            shown.append(f"{name} {'; '.join(texts) or '–'}")
    return " | ".join(shown)[:60] or "–"


def scenario(name: str, orders: Sequence[Order], bounds: Bounds) -> Scenario:
    """Orders to be counted once each, whatever id they come under."""
    must = sum({body["order_id"]: body["amount"] for _, body in orders}.values())

    def judge(contents: Contents) -> str | None:
        total, error = answer_of(contents, "total(db)")
        if error is not None:
            return f"total(db) ends in {error}"
        if type(total) is not int:
            return f"total(db) returns something that is not an int, must return {must}"
        return None if total == must else f"total(db) returns {total}, must return {must}"

    return Scenario(
        name,
        "handle",
        orders,
        _nothing,
        judge,
        bounds,
        watched=(("tables", _rows),),
        musts=lambda done: [
            Must("total(db)", str(sum({b["order_id"]: b["amount"] for _, b in done}.values())), "answers", "total(db)")
        ],
        opening=(Call("schema", (Tool.DB,)),),
        closing=(Call("total", (Tool.DB,)),),
        did="counted",
        intent=lambda identity, body: body["order_id"],
    )


ONE = scenario("order o8, sent twice", [_order("m1", "o8"), _order("m2", "o8")], Bounds())
TWO = scenario("two orders of equal amounts", [_order("m88", "o88"), _order("m8", "o8")], Bounds())
IDS = scenario(
    "ids that look alike",
    [
        _order("8", "o8"),
        _order("9", "O8"),
        _order("10", "o08", 45),
        _order("11", "o8"),
        _order("12", "o8 ", 45),
        _order("o8", "8", 30),
        _order("13", "order-2026-0008", 7),
        _order("14", "order-2026-0009", 7),
    ],
    Bounds(consumers=1, faults=0),
)
RESENT_LATE = scenario(
    "an order sent again after another", [_order("m1", "o8"), _order("m2", "o88"), _order("m3", "o8")], Bounds(faults=1)
)


@cache
def _orders(seed: int) -> Batch:
    drawing = Drawing(seed, "order_total")
    drawing.identities(lambda text: _order(f"m-{text}", text))
    for n, amount in enumerate(amounts(drawing.random)):
        drawing.add("an amount that doesn't fit", [_order(f"m{n}", f"a-{n}", abs(amount))])
    for what, group in JOINED[2:4]:
        drawing.add(f"{what} read alike when joined", [_order(f"m-{text}", text, amount) for text, _, amount in group])
    drawing.add(
        "another amount, and sent again", [_order("m1", "o8", 40), _order("m2", "O8", 30), _order("m4", "o8", 40)]
    )

    def make(name: str, orders: Sequence[Order]) -> Scenario:
        return asked_at_times(scenario(name, orders, STRAIGHT), Call("total", (Tool.DB,)))

    return drawing.batch(make, rename=True)


ORDER_TOTAL = HandlerPart(
    "order_total",
    5,
    (
        *(ONE, TWO, RESENT_LATE, IDS),
        with_reader(
            scenario(
                "an order sent again after another",
                [_order("m1", "o8"), _order("m2", "o88", 45), _order("m3", "o8")],
                Bounds(consumers=1, faults=0),
            ),
            Call("total", (Tool.DB,)),
            lambda body: int(body["amount"]),
        ),
        *later(scenario, _order("m8", "o8"), _other, "m8 again"),
    ),
    (("schema", ("db",)), ("handle", ("message", "db")), ("total", ("db",))),
    drawn=_orders,
    crowd=overtaken(scenario, _order("m8", "o8"), _other),
    covered="Proved: within these bounds each order counts once, also where the producer sends it again under a new "
    f"message id. Not covered: an order that is changed or cancelled later, and {WEAKER}.",
)

#: Each duplicate is refused, in one atomic statement. What is refused besides is the bug.
BROKEN = """def schema(db):
    db.execute("CREATE TABLE revenue (amount INTEGER, highest TEXT)")
    db.execute("INSERT INTO revenue VALUES (0, '')")


def handle(message, db):
    db.execute(
        "UPDATE revenue SET amount = amount + :amount, highest = :order_id WHERE highest < :order_id",
        message.body,
    )


def total(db):
    return db.execute("SELECT amount FROM revenue").fetchone()[0]
"""


@dataclass(frozen=True)
class BreakTheHighest(BreakIt):
    """``BROKEN`` ends wrong in one way only, for which the rules of the diagnosis have no words."""

    def judge(self, exercise: str, answer: object) -> Report:
        """Judge one schedule text."""
        report = super().judge(exercise, answer)
        if not report.passed:
            return report
        return replace(
            report,
            covered="Your schedule breaks it. Order o9 was counted first, so order o8 was no longer above the highest: "
            "it was taken for a duplicate and dropped, although nobody had counted it.",
        )


BREAK_IT = BreakTheHighest(
    "break_it",
    2,
    scenario(
        "orders o6 to o9",
        [_order(f"m{n}", f"o{n}", amount) for n, amount in ((6, 10), (7, 20), (8, 40), (9, 80))],
        Bounds(),
    ),
    BROKEN,
    without="!+~^?",
    wanted="total(db) returns 110",
)
CLAIMS = ClaimsPart("claims", 3)

PARTS = (CLAIMS, ORDER_TOTAL, BREAK_IT)
