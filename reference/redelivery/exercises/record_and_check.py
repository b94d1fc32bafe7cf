"""Exercise 05, record and check (topics L12 to L15)."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

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
    Value,
    deliver,
    rows_of,
)
from .break_it import BreakIt
from .later import later, overtaken
from .unique_constraints import redis_shown
from .values.batch import JOINED as READ_ALIKE
from .values.batch import Drawing
from .values.numbers import amounts

if TYPE_CHECKING:
    import redis

NAME = "05-record-and-check"
_OPENING = {66: 20, 666: 0, 777: 50}
_SCHEMA = """
CREATE TABLE account (id INTEGER PRIMARY KEY, balance INTEGER);
CREATE TABLE processed (message_id TEXT PRIMARY KEY);
"""
Payment = tuple[str, dict[str, Any]]


def _prepare(accounts: Sequence[int], opening: Mapping[int, int]) -> Callable[[sqlite3.Connection], None]:
    def prepare(connection: sqlite3.Connection) -> None:
        connection.executescript(_SCHEMA)
        connection.executemany("INSERT INTO account VALUES (?, ?)", [(a, opening[a]) for a in accounts])

    return prepare


def _by_account(contents: Contents) -> dict[Value, Value]:
    return {row[0]: row[1] for row in rows_of(contents, "account")}


def _judge(
    payments: Sequence[Payment], accounts: Sequence[int], opening: Mapping[int, int]
) -> Callable[[Contents], str | None]:
    must = {account: opening[account] for account in accounts}
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


def _credited(
    table: str, titles: Mapping[int, str], opening: Mapping[int, int], key: str = "{}"
) -> Callable[[Sequence[Payment]], list[Must]]:
    """What the accounts must hold when these payments are done."""

    def musts(done: Sequence[Payment]) -> list[Must]:
        found = []
        for account, title in titles.items():
            amount = opening[account] + sum(body["amount"] for _, body in done if body["account"] == account)
            found.append(Must(title, str(amount), table, key.format(account)))
        return found

    return musts


def _processed(contents: Contents) -> str:
    names = [str(row[-1]) for row in rows_of(contents, "processed")]
    return " ".join(names) or "–"


def scenario(name: str, payments: Sequence[Payment], bounds: Bounds, opening: Mapping[int, int] = _OPENING) -> Scenario:
    """Payments to be credited once each."""
    accounts = sorted({body["account"] for _, body in payments})
    balances = _balances(accounts)
    return Scenario(
        name,
        "handle",
        payments,
        _prepare(accounts, opening),
        _judge(payments, accounts, opening),
        bounds,
        frozenset({"account"}),
        (*balances, ("processed", _processed)),
        musts=_credited("account", dict(zip(accounts, (title for title, _ in balances), strict=True)), opening),
        did="credited",
    )


def _pay(identity: str, account: int = 666, amount: int = 100) -> Payment:
    return identity, {"account": account, "amount": amount}


def _other(number: int) -> Payment:
    return _pay(f"other {number}", 666, 1)


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
#: Different payments whose ids, accounts and amounts read alike when they are joined without a sign between them, in
#: whatever order: 8|666 and 86|66, 666|8 and 66|68, 100|8 and 10|08, x|145 and x1|45.
_JOINED = [
    _pay("8"),
    _pay("86", 66),
    _pay("68", 66),
    _pay("08", 66, 10),
    _pay("x", 777, 145),
    _pay("x1", 777, 45),
]
JOINED = scenario("ids and amounts that read alike when joined", _JOINED, Bounds(consumers=1, faults=0))


def drawn_payments(drawing: Drawing, floats: bool = True) -> dict[int, int]:
    """Draw payments with values that are easily confused; returns the opening balances."""
    numbers = drawing.numbers(floats)
    body = {"account": drawing.random.choice(numbers)[0], "amount": 100}
    drawing.identities(lambda text: (text, dict(body)))
    credited = drawing.among(amounts(drawing.random))
    for n, accounts in enumerate(numbers):
        paid = [_pay(f"n{n}-{place}", account, next(credited)) for place, account in enumerate(accounts)]
        drawing.add("numbers of accounts that are easily confused", paid)
    drawing.add("an amount of 0", [_pay("a-0", body["account"], 0)])
    # Each comes once more as long as the balance is what it was made by it.
    own = {
        8101: (40, -40),
        8102: (40, -90),
        8103: (-40, 40),
        8104: (-40, 90),
        8105: (0, 70),
        8106: (0, -70),
        0: (30, 5),
    }
    for account, (_, amount) in own.items():
        drawing.add("a balance that gets to 0, or comes from it", [_pay(f"b-{account}", account, amount)])
    for what, group in READ_ALIKE:
        drawing.add(f"{what} read alike when joined", [_pay(text, account, amount) for text, account, amount in group])
    # What is known by heart of the other scenarios is wrong here.
    drawing.add("another amount, other opening balances", [_pay("8", 666, 40), _pay("88", 66, 30), _pay("o8", 777, 20)])
    opened = {payment[1]["account"] for payment in drawing.straight}
    opening = {account: drawing.random.randrange(100, 900) for account in sorted(opened)}
    return opening | {account: balance for account, (balance, _) in own.items()}


@cache
def _payments(seed: int) -> Batch:
    drawing = Drawing(seed, "record_and_check")
    opening = drawn_payments(drawing)
    return drawing.batch(lambda name, payments: scenario(name, payments, STRAIGHT, opening))


RECORD_AND_CHECK = HandlerPart(
    "record_and_check",
    3,
    (ONE, TWO, IDS, SIGNS, JOINED, *later(scenario, _pay("8"), _other)),
    drawn=_payments,
    crowd=overtaken(scenario, _pay("8"), _other),
    covered="Proved: within these bounds every message is credited exactly once, whatever is delivered again, crashes, "
    "waits or gets lost. Not covered: more consumers or faults than that, effects outside this database, a "
    f"producer that sends the same payment under a new id, and {WEAKER}.",
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

BREAK_IT = BreakIt("break_it", 2, ONE, BROKEN, without="!")


def _open_balances(accounts: Sequence[int], opening: Mapping[int, int]) -> Callable[[redis.Redis], None]:
    def prepare(client: redis.Redis) -> None:
        for account in accounts:
            client.set(f"balance:{account}", opening[account])

    return prepare


def _redis_table(key: str) -> str:
    return "balance" if key.startswith("balance:") else "redis"


def redis_scenario(
    name: str, payments: Sequence[Payment], bounds: Bounds, opening: Mapping[int, int] = _OPENING
) -> Scenario:
    """Payments to be credited once each, in Redis."""
    accounts = sorted({body["account"] for _, body in payments})
    must = {account: opening[account] for account in accounts}
    for _, body in payments:
        must[body["account"]] += body["amount"]

    def judge(contents: Contents) -> str | None:
        holds = {row[0]: row[1] for row in rows_of(contents, "balance")}
        for account, amount in must.items():
            value = holds.get(f"balance:{account}")
            if value != str(amount):
                return f"balance:{account} holds {'nothing' if value is None else str(value)}, must hold {amount}"
        return None

    def marks(contents: Contents) -> str:
        return redis_shown((("redis", tuple(rows_of(contents, "redis"))),))

    def balance(account: int) -> Callable[[Contents], str]:
        key = f"balance:{account}"
        return lambda contents: str(next((row[1] for row in rows_of(contents, "balance") if row[0] == key), "–"))

    title = "balance" if len(accounts) == 1 else "balance of {}"
    titles = {account: title.format(account) for account in accounts}
    return Scenario(
        name,
        "handle",
        payments,
        lambda connection: None,
        judge,
        bounds,
        frozenset({"balance"}),
        (*((title.format(account), balance(account)) for account in accounts), ("other keys", marks)),
        musts=_credited("balance", titles, opening, "balance:{}"),
        call=deliver("handle", Tool.REDIS),
        uses_redis=True,
        prepare_redis=_open_balances(accounts, opening),
        redis_table=_redis_table,
        uses_sqlite=False,
        did="credited",
    )


@cache
def _redis_payments(seed: int) -> Batch:
    drawing = Drawing(seed, "record_and_check_redis")
    opening = drawn_payments(drawing, floats=False)
    return drawing.batch(lambda name, payments: redis_scenario(name, payments, STRAIGHT, opening))


REDIS_ONE = redis_scenario("message 8 alone", [_pay("8")], Bounds())
RECORD_AND_CHECK_REDIS = HandlerPart(
    "record_and_check_redis",
    3,
    (
        REDIS_ONE,
        redis_scenario("two equal payments", [_pay("88"), _pay("8")], Bounds(faults=1)),
        redis_scenario(
            "ids that look alike",
            [_pay("b8"), _pay("B8"), _pay("08", 777, -30), _pay("8", 777, -30), _pay("8b"), _pay("666")],
            Bounds(consumers=1, faults=1),
        ),
        redis_scenario(
            "ids with signs in them",
            [
                _pay("8"),
                _pay("8 "),
                _pay("*"),
                _pay("8:666", 777, 45),
                _pay("payment-2026-0008"),
                _pay("payment-2026-0009"),
            ],
            Bounds(consumers=1, faults=0),
        ),
        redis_scenario(JOINED.name, _JOINED, JOINED.bounds),
        *later(redis_scenario, _pay("8"), _other),
    ),
    (("handle", ("message", "redis")),),
    ("wal",),
    drawn=_redis_payments,
    crowd=overtaken(redis_scenario, _pay("8"), _other),
    covered="Proved: within these bounds every message is credited exactly once, whatever is delivered again, crashes, "
    "expires or gets lost. Not covered: a Redis server that loses what it has confirmed, and effects outside Redis.",
)


def _intent(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE intent (order_id TEXT PRIMARY KEY, key TEXT)")


def _paid(contents: Contents) -> str:
    return " ".join(f"{order!s}:{amount!s}" for _, order, amount in rows_of(contents, "payments")) or "–"


def _intents(contents: Contents) -> str:
    return " ".join(f"{row[-2]!s}={str(row[-1])[:4]}…" for row in rows_of(contents, "intent")) or "–"


def request_scenario(name: str, orders: Sequence[tuple[str, int]], bounds: Bounds) -> Scenario:
    """Orders to be paid once each, by a service that may not answer."""

    def judge(contents: Contents) -> str | None:
        payments = list(rows_of(contents, "payments"))
        for order, amount in orders:
            found = [row[2] for row in payments if row[1] == order]
            if len(found) != 1:
                times = (
                    "is not paid" if not found else f"is paid {'twice' if len(found) == 2 else f'{len(found)} times'}"
                )
                return f"order {order} {times}, must be paid once"
            if found[0] != amount:
                return f"order {order} is paid with {found[0]!s}, must be paid with {amount}"
        return None if len(payments) == len(orders) else "something else has been paid"

    return Scenario(
        name,
        "pay",
        [(order, {"order_id": order, "amount": amount}) for order, amount in orders],
        _intent,
        judge,
        bounds,
        frozenset({"payments"}),
        (("paid", _paid), ("intent", _intents)),
        musts=lambda done: [Must("paid", " ".join(f"{order}:{b['amount']}" for order, b in done) or "–", "payments")],
        call=lambda identity, body: Call("pay", (body["order_id"], body["amount"], Tool.DB, Tool.SEND)),
        dead_letters=False,
        family="requests",
        sure_acks=True,
        did="credited",
    )


@cache
def _orders(seed: int) -> Batch:
    drawing = Drawing(seed, "request_once")

    def order(text: str, amount: int = 100) -> Payment:
        return text, {"order_id": text, "amount": amount}

    drawing.identities(order)
    for n, amount in enumerate(amounts(drawing.random)):
        drawing.add("an amount that doesn't fit", [order(f"a-{n}", abs(amount))])
    for what, group in READ_ALIKE[2:4]:
        drawing.add(f"{what} read alike when joined", [order(text, amount) for text, _, amount in group])
    drawing.add("another amount", [order("o8", 40), order("O8", 30), order("8", 20)])
    return drawing.batch(
        lambda name, messages: request_scenario(
            name, [(body["order_id"], body["amount"]) for _, body in messages], STRAIGHT._replace(redeliveries=0)
        )
    )


_LINE = Bounds(redeliveries=0)
REQUEST_ONCE = HandlerPart(
    "request_once",
    2,
    (
        # Three lost requests find the code that gives up after three tries.
        request_scenario("order o8 alone", [("o8", 100)], _LINE._replace(consumers=1, faults=3, lost_acks=3)),
        request_scenario("two orders of equal amounts", [("o88", 100), ("o8", 100)], _LINE),
        request_scenario(
            "ids that look alike",
            [("o8", 100), ("O8", 100), ("o08", 30), ("8", 30), ("8 ", 30)],
            Bounds(consumers=1, faults=1, redeliveries=0),
        ),
        request_scenario(
            "orders and amounts that read alike when joined",
            [("o8", 8100), ("o88", 100), ("08", 10), ("8", 100)],
            Bounds(consumers=1, faults=0, redeliveries=0),
        ),
    ),
    (("pay", ("order_id", "amount", "db", "send")),),
    drawn=_orders,
    covered="Proved: within these bounds, and with three lost requests for an order alone, each order is paid exactly "
    "once, whatever crashes or gets lost. Not covered: two calls for one order at the same time, and a payment service "
    "that forgets its keys.",
)

PARTS = (RECORD_AND_CHECK, RECORD_AND_CHECK_REDIS, REQUEST_ONCE, BREAK_IT)
