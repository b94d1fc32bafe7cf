"""Exercise 03, unique constraints (topics L8, L9, Q5, Q8, Q13)."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
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
    Scenario,
    Tool,
    deliver,
    rows_of,
)
from .break_it import BreakIt
from .idempotence import answer_of
from .later import later, overtaken
from .readers import asked_at_times, runs_among, with_reader
from .values.batch import JOINED, Drawing
from .values.numbers import amounts

NAME = "03-unique-constraints"
_OPENING = {666: 1000, 777: 50, 66: 0}
Leg = tuple[str, dict[str, Any]]


def _leg(identity: str, transfer: str, account: int, amount: int) -> Leg:
    return identity, {"transfer_id": transfer, "account": account, "amount": amount}


def _leg_of(identity: str, body: dict[str, Any]) -> object:
    return body["transfer_id"], body["account"]


def _prepare(opening: Mapping[int, int]) -> Callable[[sqlite3.Connection], None]:
    def prepare(connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE account (id INTEGER PRIMARY KEY, balance INTEGER)")
        connection.executemany("INSERT INTO account VALUES (?, ?)", opening.items())

    return prepare


def asks_for_nothing(body: Mapping[str, Any]) -> bool:
    """Whether a leg is invalid in the exercise: its amount is 0."""
    return bool(body["amount"] == 0)


def _must(
    legs: Sequence[Leg],
    opening: Mapping[int, int],
    invalid: Callable[[Mapping[str, Any]], bool] = asks_for_nothing,
) -> dict[int, int]:
    must = dict(opening)
    for body in {_leg_of(identity, body): body for identity, body in legs if not invalid(body)}.values():
        must[body["account"]] = must.get(body["account"], 0) + body["amount"]
    return must


def _balances(contents: Contents) -> str:
    return " ".join(f"{row[0]!s}:{row[1]!s}" for row in rows_of(contents, "account"))


def _other_rows(contents: Contents) -> str:
    rows = [row for name, rows in contents if name not in ("account", "answers", "dead letters") for row in rows]
    return str(len(rows))


def ledger_scenario(
    name: str,
    legs: Sequence[Leg],
    bounds: Bounds,
    jobs: int = 0,
    runs: int = 0,
    only_if_right: bool = False,
    opening: Mapping[int, int] = _OPENING,
    is_invalid: Callable[[Mapping[str, Any]], bool] = asks_for_nothing,
) -> Scenario:
    """Transfers to be entered once each, and settled; what is invalid must reach the dead-letter queue."""
    must = _must(legs, opening, is_invalid)
    invalid = [number for number, (_, body) in enumerate(legs) if is_invalid(body)]

    def judge(contents: Contents) -> str | None:
        dead = {row[0] for row in rows_of(contents, "dead letters")}
        for number in invalid:
            if legs[number][0] not in dead:
                identity, body = legs[number]
                why = "amount 0" if body["amount"] == 0 else "no account"
                return f"message {identity} has {why} and was acknowledged, must reach the dead-letter queue"
        _, error = answer_of(contents, "settle(db)")
        holds = {row[0]: row[1] for row in rows_of(contents, "account")}
        for account, amount in must.items():
            if holds.get(account) != amount:
                why = "" if error is None else f" (the last settle ended in {error})"
                return f"account {account} holds {holds.get(account)!r}, must hold {amount}{why}"
        return None if len(holds) == len(must) else "an account has been added"

    def musts(done: Sequence[Leg]) -> list[Must]:
        valid = [leg for leg in done if leg[1]["amount"] != 0]
        return [
            Must("balances", " ".join(f"{a}:{holds}" for a, holds in sorted(_must(valid, opening).items())), "account")
        ]

    return Scenario(
        name,
        "handle",
        legs,
        _prepare(opening),
        judge,
        bounds,
        frozenset({"account"}),
        (("balances", _balances), ("other rows", _other_rows)),
        musts=musts,
        is_late=True,
        opening=(Call("schema", (Tool.DB,)),),
        closing=(Call("settle", (Tool.DB,)),),
        job=Call("settle", (Tool.DB,)) if jobs else None,
        jobs=jobs,
        runs=runs,
        expected_dead=sum(1 << number for number in invalid),
        family="ledger",
        intent=_leg_of,
        only_if_right=only_if_right,
        did="credited",
    )


_LEG = _leg("8", "t8", 666, -100)


def _other(number: int) -> Leg:
    return _leg(f"other {number}", f"x{number}", 666, 1)


_JUST_CRASHES = Bounds(consumers=1, faults=1, lost_acks=0, redeliveries=0, lock_timeouts=0)
_JUST_LOST_ACKS = Bounds(consumers=1, faults=1, crashes=0, redeliveries=0)
ONE_LEG = ledger_scenario("one leg of transfer t8", [_LEG], Bounds())
INVALID = ledger_scenario(
    "a leg and one with amount 0", [_LEG, _leg("88", "t9", 777, 0)], Bounds(consumers=1, faults=1)
)
LEGS = ledger_scenario("the two legs of transfer t8", [_LEG, _leg("88", "t8", 777, 100)], Bounds(faults=1))
SETTLING = ledger_scenario("settle at any time", [_LEG], Bounds(consumers=1, faults=1), 2, 2)
# A settler that lets a lock error pass is found out when the holder of the lock changed nothing, as with a duplicate.
LOCKED = ledger_scenario("settle beside a duplicate", [_LEG], Bounds(consumers=1, crashes=0, redeliveries=0), 1, 1)
# Two entries on one account, settled by ...
_TWO = [_LEG, _leg("88", "t9", 666, -30)]
# ... two runs that overlap: one adds the first entry, the other the second;
OVERLAPPING = ledger_scenario("two entries, overlapping settlers", _TWO, Bounds(consumers=1, faults=0), 2, 2)
# ... one run that dies between them;
DYING = ledger_scenario("two entries, a settler that dies", _TWO, _JUST_CRASHES, 1, 1)
# ... one run that sees the second before the first:   A draws number 1 ─────────────────────── A enters 1
#                                                         B draws 2, enters 2 ── S settles up to 2
CROSSING = ledger_scenario(
    "two equal entries, made at once", [_LEG, _leg("88", "t9", 666, -100)], Bounds(faults=0), 1, 1
)
# The producer, too, may send a leg again: under another id.
_RESENT = [_LEG, _leg("80", "t8", 666, -100)]
RESENT = ledger_scenario("the same leg under another id", _RESENT, Bounds(faults=1), only_if_right=True)
# By then it may have been settled.
RESENT_LATE = ledger_scenario(
    "the same leg under another id, settled in between",
    _RESENT,
    Bounds(consumers=1, faults=0),
    1,
    1,
    only_if_right=True,
)
# A lost acknowledgement brings a message back after all others, when a short memory has forgotten it.
IDS = ledger_scenario(
    "ids that look alike",
    [
        _leg("1", "t8", 666, -100),
        _leg("2", "t8", 777, 100),
        _leg("3", "T8", 666, -100),
        _leg("4", "T8", 777, 100),
        _leg("5", "t86", 66, 30),
        _leg("6", "t8 ", 777, 100),
        _leg("7", "t08", 777, 100),
        _leg("8", "t%", 66, -30),
        _leg("9", "t86", 777, 30),
    ],
    _JUST_LOST_ACKS,
)


def _draw_legs(drawing: Drawing, floats: bool = True) -> None:
    """Legs with values that are easily confused."""
    numbers = drawing.numbers(floats)
    account = drawing.random.choice(numbers)[0]
    drawing.identities(lambda text: _leg(f"m-{text}", text, account, 100))
    for n, accounts in enumerate(numbers):
        legs = [_leg(f"n-{n}-{place}", f"n-{n}", account, 25) for place, account in enumerate(accounts)]
        drawing.add("numbers of accounts that are easily confused", legs)
    among = drawing.among([account for accounts in numbers for account in accounts])
    for n, amount in enumerate(amounts(drawing.random)):
        drawing.add("an amount that doesn't fit", [_leg(f"a-{n}", f"a-{n}", next(among), amount)])
    for what, group in JOINED:
        drawing.add(f"{what} read alike when joined", [_leg(f"m-{leg[0]}", *leg) for leg in group])
    # What is known by heart of the other scenarios is wrong here.
    other = [_leg("8", "t8", 666, 40), _leg("80", "t8", 777, 40), _leg("88", "t8", 66, -40), _leg("87", "t8", 666, 40)]
    drawing.add("another amount, other opening balances", other)


@cache
def _ledger_legs(seed: int) -> Batch:
    drawing = Drawing(seed, "ledger")
    _draw_legs(drawing)
    opened = {body["account"] for _, body in drawing.straight}
    opening = {account: drawing.random.randrange(100, 900) for account in sorted(opened)}

    def make(name: str, legs: Sequence[Leg]) -> Scenario:
        own = {account: opening[account] for account in sorted({body["account"] for _, body in legs})}
        return ledger_scenario(name, legs, STRAIGHT, 1, runs_among(legs), opening=own)

    return drawing.batch(make, rename=True)


LEDGER = HandlerPart(
    "ledger",
    5,
    (
        *(ONE_LEG, INVALID, LEGS, SETTLING, LOCKED, OVERLAPPING, DYING, CROSSING, IDS, RESENT, RESENT_LATE),
        *later(ledger_scenario, _LEG, _other, "8 again"),
    ),
    (("schema", ("db",)), ("handle", ("message", "db")), ("settle", ("db",))),
    drawn=_ledger_legs,
    crowd=overtaken(ledger_scenario, _LEG, _other),
    covered="Proved: within these bounds each leg of each transfer is settled exactly once, however often it is "
    "delivered and however the settlers overlap. Not covered: a ledger in another database than the balances, and "
    f"{WEAKER}.",
)


def _key_itself(key: str) -> str:
    """Which keys hold the effect is the learner's choice, so each is a table of its own."""
    return f"key {key}"


def setnx_scenario(name: str, legs: Sequence[Leg], bounds: Bounds, *untouched: int) -> Scenario:
    """Transfers to be entered once each, in Redis; the balances of other accounts are asked for, too."""
    accounts = sorted({*(body["account"] for _, body in legs), *untouched})
    must = _must(legs, dict.fromkeys(accounts, 0))

    def judge(contents: Contents) -> str | None:
        for account in accounts:
            value, error = answer_of(contents, f"balance(redis, {account})")
            if error is not None:
                return f"balance(redis, {account}) ends in {error}"
            if type(value) is not int:
                return f"balance(redis, {account}) returns something that is not an int, must return {must[account]}"
            if value != must[account]:
                return f"balance(redis, {account}) returns {value}, must return {must[account]}"
        return None

    def musts(done: Sequence[Leg]) -> list[Must]:
        holds = _must(done, dict.fromkeys(accounts, 0))
        names = {account: f"balance(redis, {account})" for account in accounts}
        return [Must(name, str(holds[account]), "answers", name) for account, name in names.items()]

    return Scenario(
        name,
        "handle",
        legs,
        lambda connection: None,
        judge,
        bounds,
        watched=(("Redis", redis_shown),),
        musts=musts,
        call=deliver("handle", Tool.REDIS),
        closing=tuple(Call("balance", (Tool.REDIS, account)) for account in accounts),
        uses_redis=True,
        redis_table=_key_itself,
        uses_sqlite=False,
        did="booked",
        intent=_leg_of,
    )


def redis_shown(contents: Contents) -> str:
    """Redis's keys in a few words."""
    shown = []
    for name, rows in contents:
        if name not in ("balance", "redis") and not name.startswith("key "):
            continue
        for key, value, ttl in rows:
            text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
            shown.append(f"{key!s}={text}" + (f" ({int(str(ttl)) // 1000} s)" if ttl else ""))
    return " ".join(shown)[:70] or "–"


@cache
def _setnx_legs(seed: int) -> Batch:
    drawing = Drawing(seed, "setnx")
    _draw_legs(drawing, floats=False)

    def make(name: str, legs: Sequence[Leg]) -> Scenario:
        scenario = setnx_scenario(name, legs, STRAIGHT)
        return asked_at_times(scenario, Call("balance", (Tool.REDIS, legs[0][1]["account"])))

    return drawing.batch(make, rename=True)


SETNX = HandlerPart(
    "setnx",
    3,
    (
        setnx_scenario("one leg of transfer t8", [_leg("8", "t8", 666, -100)], Bounds()),
        setnx_scenario(
            "two transfers of equal amounts", [_leg("88", "t88", 666, 50), _leg("8", "t8", 666, 50)], Bounds()
        ),
        setnx_scenario(
            "ids that look alike",
            [
                _leg("1", "t8", 666, -100),
                _leg("2", "t8", 777, -100),
                _leg("3", "T8", 666, -100),
                _leg("4", "t86", 66, -100),
                _leg("5", "t8:666", 777, 45),
                _leg("6", "t8", 66, 45),
                _leg("7", "t8*", 666, 7),
                _leg("8", "t?", 666, 7),
            ],
            Bounds(consumers=1, faults=1),
            6,
        ),
        replace(setnx_scenario("the same leg under another id", _RESENT, Bounds(faults=1)), only_if_right=True),
        with_reader(
            setnx_scenario(
                "a leg sent again after another",
                [_LEG, _leg("88", "t9", 666, 30), _leg("80", "t8", 666, -100)],
                Bounds(consumers=1, faults=0),
            ),
            Call("balance", (Tool.REDIS, 666)),
            lambda body: int(body["amount"]),
        ),
        *later(setnx_scenario, _LEG, _other, "8 again"),
    ),
    (("handle", ("message", "redis")), ("balance", ("redis", "account"))),
    ("wal",),
    drawn=_setnx_legs,
    crowd=overtaken(setnx_scenario, _LEG, _other),
    covered="Proved: within these bounds each leg counts exactly once, whatever is delivered again, crashes, expires "
    "or gets lost. Not covered: a Redis server that loses what it has confirmed.",
)

# Add and mark are one transaction, so a crash does no harm; what is due was read before it. Two ways to break it:
#   twice   A enters ── S reads ── T reads ── S adds, marks ── T adds, marks no row, and does not look
#   lost    S reads nothing ── A enters ── S marks what it never read
BROKEN = """def schema(db):
    db.execute(
        "CREATE TABLE ledger (transfer_id TEXT, account INTEGER, amount INTEGER, settled INTEGER DEFAULT 0,"
        " UNIQUE (transfer_id, account))"
    )


def handle(message, db):
    db.execute(
        "INSERT INTO ledger (transfer_id, account, amount) VALUES (:transfer_id, :account, :amount)"
        " ON CONFLICT DO NOTHING",
        message.body,
    )


def settle(db):
    due = list(db.query("SELECT account, sum(amount) AS amount FROM ledger WHERE settled = 0 GROUP BY account"))
    with db.atomic():
        for row in due:
            db.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", row)
        db.execute("UPDATE ledger SET settled = 1 WHERE settled = 0")
"""
BREAK_IT = BreakIt("break_it", 2, SETTLING, BROKEN, wanted="account 666 holds 1000")

PARTS = (LEDGER, SETNX, BREAK_IT)
