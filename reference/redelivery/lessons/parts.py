"""What the lessons have judged: the parts of the exercises in another shape, so that no lesson holds an answer.

Each differs from the exercise in what its consumer does, not in a name: what is right here is wrong there, for a reason
that the exercise is about.

| lesson | here | in the exercise |
|---|---|---|
| 01 | a function that the queue's client calls | the loop itself |
| 02 | orders are counted | their amounts are added up |
| 03 | what has no account is invalid | what has the amount 0 is |
| 03b | all transfers are of one account | each leg is of an account of its own |
| 04 | the table holds one row | it holds several |
| 05 | there is one account | there are several |
| 05b | the key is a column of the order | keys have a table of their own |
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from ..exercises import delivery_guarantees as guarantees
from ..exercises import idempotence as totals
from ..exercises import record_and_check as records
from ..exercises import unique_constraints as entries
from ..exercises import version_preconditions as versions
from ..scenarios import WEAKER, Bounds, Contents, HandlerPart, Must, Program, Scenario, rows_of

Body = dict[str, Any]


# 01: the queue's client calls a function, which is given the message, the work, and the acknowledgement.


@dataclass(frozen=True)
class SubscriberPart(HandlerPart):
    """Judges ``on_message(message, process, ack)`` in the loop of a queue's client."""


def as_loop(on_message: Callable[..., Any]) -> Callable[[Any, Any], None]:
    """The loop of a client library, which calls ``on_message`` for each message."""

    def subscriber(queue: Any, process: Any) -> None:
        while (message := queue.receive()) is not None:
            on_message(message, process, queue.ack)

    return subscriber


def _measured(part: HandlerPart, program: Program) -> str:
    return str(guarantees.guarantee(program, "subscriber"))


def _subscriber(name: str, *more: Scenario, **judged: Any) -> SubscriberPart:
    return SubscriberPart(
        name,
        0,
        (*(replace(guarantees.loop_scenario("subscriber", n), **judged) for n in (1, 2)), *more),
        (("subscriber", ("queue", "process")),),
        ("wal",),
        covered="Proved: within these bounds. Not covered: more consumers, messages and faults than that.",
        measure=_measured,
    )


NO_LOSS = _subscriber(
    "no_loss", replace(guarantees.failing_work("subscriber"), judge=guarantees._lost), judge=guarantees._lost
)
NO_REPETITION = _subscriber("no_repetition", forbids=guarantees._repeated)
RECEIVER = guarantees.QOS2_RECEIVER


# 02: the service counts orders, whatever their amounts.


def counting(name: str, orders: Sequence[tuple[str, Body]], bounds: Bounds) -> Scenario:
    """Orders of which each is to be counted once, whatever id it comes under."""

    def count(some: Sequence[tuple[str, Body]]) -> int:
        return len({body["order_id"] for _, body in some})

    def judge(contents: Contents) -> str | None:
        total, error = totals.answer_of(contents, "total(db)")
        if error is not None:
            return f"total(db) ends in {error}"
        return None if total == count(orders) else f"total(db) returns {total!r}, must return {count(orders)}"

    return replace(
        totals.scenario(name, orders, bounds),
        judge=judge,
        musts=lambda done: [Must("total(db)", str(count(done)), "answers", "total(db)")],
    )


def _order(identity: str, order: str) -> tuple[str, Body]:
    return identity, {"order_id": order, "amount": 100}


COUNTED = HandlerPart(
    "counted",
    0,
    (
        counting("order o8, sent twice", [_order("m1", "o8"), _order("m2", "o8")], Bounds()),
        counting("two orders", [_order("m88", "o88"), _order("m8", "o8")], Bounds()),
        counting(
            "an order sent again after another",
            [_order("m1", "o8"), _order("m2", "o88"), _order("m3", "o8")],
            Bounds(faults=1),
        ),
    ),
    (("schema", ("db",)), ("handle", ("message", "db")), ("total", ("db",))),
    covered="Proved: within these bounds each order counts once, also where the producer sends it again under a new "
    f"message id. Not covered: an order that is cancelled later, and {WEAKER}.",
)


# 03: an entry without an account is invalid.


def _leg(identity: str, transfer: str, account: int | None, amount: int) -> tuple[str, Body]:
    return identity, {"transfer_id": transfer, "account": account, "amount": amount}


def _has_no_account(body: Mapping[str, Any]) -> bool:
    return body["account"] is None


_entered = partial(entries.ledger_scenario, is_invalid=_has_no_account)
_LEG = _leg("8", "t8", 666, -100)
ENTRIES = HandlerPart(
    "entries",
    0,
    (
        entries.ONE_LEG,
        _entered("a leg and one without an account", [_LEG, _leg("88", "t9", None, 40)], Bounds(consumers=1, faults=1)),
        entries.LEGS,
        entries.SETTLING,
        entries.LOCKED,
        entries.OVERLAPPING,
        entries.DYING,
        entries.CROSSING,
        entries.RESENT,
    ),
    entries.LEDGER.signatures,
    covered="Proved: within these bounds each leg of each transfer is settled exactly once, however often it is "
    "delivered and however the settlers overlap. Not covered: a ledger in another database than the balances, and "
    f"{WEAKER}.",
)


# 03b: in Redis, and all transfers are of account 666.

BOOKED = HandlerPart(
    "booked",
    0,
    (
        entries.setnx_scenario("one transfer", [_LEG], Bounds()),
        entries.setnx_scenario(
            "two transfers of equal amounts", [_leg("88", "t88", 666, 50), _leg("8", "t8", 666, 50)], Bounds()
        ),
        replace(
            entries.setnx_scenario(
                "the same transfer under another id", [_LEG, _leg("80", "t8", 666, -100)], Bounds(faults=1)
            ),
            only_if_right=True,
        ),
    ),
    entries.SETNX.signatures,
    ("wal",),
    covered="Proved: within these bounds each transfer counts exactly once, whatever is delivered again, crashes, "
    "expires or gets lost. Not covered: a Redis server that loses what it has confirmed.",
)


# 04: one account, and one customer, alone in their tables.

_ACCOUNT = {666: (500, 7)}
_CUSTOMER = {666: ("Nowhere 1", 0)}


def _change(identity: str, version: int, amount: int, balance: int) -> tuple[str, Body]:
    return identity, {"account": 666, "amount": amount, "version": version, "balance": balance}


def _move(identity: str, version: int, address: str) -> tuple[str, Body]:
    return identity, {"customer": 666, "address": address, "version": version}


_8, _88 = _change("8", 7, 100, 500), _change("88", 8, -100, 600)
CHANGES = HandlerPart(
    "changes",
    0,
    (
        versions.balance_scenario("one change", [_8], Bounds(), _ACCOUNT),
        versions.balance_scenario("there and back", [_8, _88], Bounds(), _ACCOUNT),
        versions.balance_scenario(
            "there and back, out of order",
            [_change("9", 8, -100, 600), _8, _change("88", 9, 100, 500)],
            Bounds(faults=1),
            _ACCOUNT,
        ),
    ),
    covered=versions.VERSIONED_BALANCE.covered,
)
STATES = HandlerPart(
    "states",
    0,
    (
        versions.profile_scenario("one move", [_move("8", 2, "High Street 8")], Bounds(), _CUSTOMER),
        versions.profile_scenario(
            "two moves, the later one first",
            [_move("88", 9, "Low Lane 9"), _move("8", 2, "High Street 8")],
            Bounds(),
            _CUSTOMER,
        ),
    ),
    covered=versions.VERSIONED_PROFILE.covered,
)


# 05: one account. 00 takes the same.

CREDIT = HandlerPart("credit", 0, (records.ONE, records.TWO), covered=records.RECORD_AND_CHECK.covered)


def _pay(identity: str) -> tuple[str, Body]:
    return identity, {"account": 666, "amount": 100}


def _and_a_mail(scenario: Scenario) -> Scenario:
    """Each payment also leaves one mail to be sent, in the table ``outbox``."""

    def prepare(connection: sqlite3.Connection) -> None:
        scenario.prepare(connection)
        connection.execute("CREATE TABLE outbox (message_id TEXT, text TEXT)")

    def judge(contents: Contents) -> str | None:
        wanted = sorted(identity for identity, _ in scenario.messages)
        found = sorted(str(row[-2]) for row in rows_of(contents, "outbox"))
        for identity in wanted:
            if (many := found.count(identity)) != 1:
                return f"the outbox has {many} mails about message {identity}, must have 1"
        return scenario.judge(contents)

    def mails(contents: Contents) -> str:
        return " ".join(str(row[-2]) for row in rows_of(contents, "outbox")) or "–"

    watched = (*scenario.watched, ("outbox", mails))
    return replace(
        scenario,
        prepare=prepare,
        judge=judge,
        effects=scenario.effects | {"outbox"},
        beside="outbox",
        watched=watched,
    )


CREDIT_AND_MAIL = HandlerPart(
    "credit_and_mail",
    0,
    (_and_a_mail(records.ONE), _and_a_mail(replace(records.TWO, bounds=Bounds(faults=1)))),
    covered="Proved: within these bounds each payment is credited once and leaves one mail in the outbox. Not covered: "
    f"the sending of the mails, and {WEAKER}.",
)
CREDIT_REDIS = HandlerPart(
    "credit_redis",
    0,
    (
        records.REDIS_ONE,
        records.redis_scenario("two equal payments", [_pay("88"), _pay("8")], Bounds(faults=1)),
    ),
    (("handle", ("message", "redis")),),
    ("wal",),
    covered=records.RECORD_AND_CHECK_REDIS.covered,
)


# 05b: the order's own row has a column for the key.


def _ordered(name: str, orders: Sequence[tuple[str, int]], bounds: Bounds) -> Scenario:
    scenario = records.request_scenario(name, orders, bounds)

    def prepare(connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE orders (order_id TEXT PRIMARY KEY, key TEXT)")
        connection.executemany("INSERT INTO orders VALUES (?, NULL)", [(order,) for order, _ in orders])

    def keys(contents: Contents) -> str:
        rows = [(row[-2], row[-1]) for row in rows_of(contents, "orders")]
        return " ".join(f"{order!s}={str(key)[:4] + '…' if key else '–'}" for order, key in rows)

    return replace(scenario, prepare=prepare, watched=(scenario.watched[0], ("orders", keys)))


_CALLS = Bounds(redeliveries=0)
PAY = HandlerPart(
    "pay",
    0,
    (
        _ordered("order o8 alone", [("o8", 100)], _CALLS._replace(consumers=1)),
        _ordered("two orders of equal amounts", [("o88", 100), ("o8", 100)], _CALLS),
    ),
    records.REQUEST_ONCE.signatures,
    covered="Proved: within these bounds each order is paid exactly once, whatever crashes or gets lost. Not covered: "
    "two calls for one order at the same time, and a payment service that forgets its keys.",
)

#: Lesson → what it has judged.
LESSONS: dict[str, tuple[HandlerPart, ...]] = {
    "00": (CREDIT,),
    "01": (NO_LOSS, NO_REPETITION, RECEIVER),
    "02": (COUNTED,),
    "03": (ENTRIES,),
    "03b": (BOOKED,),
    "04": (CHANGES, STATES),
    "05": (CREDIT, CREDIT_AND_MAIL, CREDIT_REDIS),
    "05b": (CREDIT, CREDIT_REDIS, PAY),
}
