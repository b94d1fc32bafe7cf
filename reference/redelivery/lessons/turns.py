"""The *your turn* cells of all lessons: what is asked, and how an answer is judged.

A right answer and wrong ones to each are in ``reference/solutions/turns/``, and tested.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from sqlite_utils import Database

from ..checking.part import Report
from .turn import Told, Turn, examples, part, schedule

if TYPE_CHECKING:
    from .lesson import Lesson


def _written(sql: str) -> str:
    """A statement; the cell is untouched while it is empty."""
    if not sql.strip():
        raise NotImplementedError
    return sql


# 00


def _one_day(receive: Callable[..., Any], orders: list[tuple[int, int]]) -> int:
    db = sqlite3.connect(":memory:")
    db.executescript("CREATE TABLE sales (total INTEGER); INSERT INTO sales VALUES (0);")
    db.execute("CREATE TABLE seen (number INTEGER PRIMARY KEY)")
    for number, amount in orders:
        receive(number, amount, db)
    if db.execute("SELECT 1 FROM seen").fetchone() is None:
        raise Told(
            f"After the orders {orders}, as (number, amount), the table seen is empty. Note the numbers there: what a "
            "variable remembers is gone when the service starts again."
        )
    return int(db.execute("SELECT total FROM sales").fetchone()[0])


_00 = (
    Turn(
        "two_hundred",
        "Write a schedule with +A in it after which account 666 holds 200. +A stands after the step of A at which the "
        "message is to be delivered again; a B after it lets B receive it.",
        "The same message in two hands at once, and nobody crashed. Lesson 05 is about this one.",
        schedule("credit", "account 666 holds 200", with_="+"),
    ),
    Turn(
        "three_hundred",
        "Write a schedule with two faults after which account 666 holds 300.",
        "Each fault costs one more 100. Two are the most that the checker tries, and the most that it needs.",
        schedule("credit", "account 666 holds 300"),
    ),
    Turn(
        "numbered_orders",
        "Each order has a number now, and a table seen(number) is there. Write receive_once so that an order whose "
        "number was seen before is not added again.",
        "The order's own number makes the repetition known. It still is two statements: what if the service crashes "
        "between them? Lessons 02, 03 and 05 are about that.",
        examples(
            _one_day,
            "With the orders {}, as (number, amount), the total is",
            (([(1, 100), (2, 40), (3, 250)],), 390),
            (([(1, 100), (2, 40), (2, 40), (3, 250)],), 390),
            (([(1, 100), (1, 100), (2, 100)],), 200),
            (([(1, 100), (2, 40), (1, 100)],), 140),
        ),
    ),
)

# 01


def _losing(protocol: Callable[..., Any], lost: tuple[int, ...]) -> tuple[list[str], int]:
    sent: list[str] = []

    def wire(packet: str) -> bool:
        sent.append(packet)
        if len(sent) > 50:
            raise RuntimeError("it has sent 50 packets and goes on")
        return len(sent) not in lost

    inbox = protocol(wire)
    if not isinstance(inbox, list):
        raise Told(f"It has to return the inbox, a list such as ['8']; it returns {inbox!r}.")
    return inbox, len(sent)


def _published(publish: Callable[..., Any], *numbers: tuple[str, int]) -> list[int]:
    log: list[int] = []
    highest: dict[str, int] = {}
    for producer, number in numbers:
        publish(log, highest, producer, number)
    return log


_01 = (
    Turn(
        "three_tries",
        "Write three_tries: it sends PUBLISH until PUBACK has come, but three times at most, and returns the inbox.",
        "It may lose (all three lost) and it may repeat (PUBACK lost), so it is none of the three guarantees.",
        examples(
            _losing,
            "With the packets {} lost, inbox and number of packets are",
            (((),), (["8"], 2)),
            (((1,),), (["8"], 3)),
            (((2,),), (["8", "8"], 4)),
            (((1, 2, 3),), ([], 3)),
            (((2, 4, 6),), (["8", "8", "8"], 6)),
        ),
    ),
    Turn(
        "log_and_go_on",
        "log_and_go_on loses messages. Mend it, so that only what was worked on is acknowledged.",
        "What fails is not acknowledged, so it comes again. That is at least once.",
        part("no_loss"),
    ),
    Turn(
        "by_number",
        "Write publish_numbered: store a number that is higher than the producer's highest so far, and leave out all "
        "others.",
        "One number for each producer, and no window: that is how RabbitMQ's streams and Pulsar know a repetition. It "
        "needs a producer that counts without mistakes, and sends in order.",
        examples(
            _published,
            "Of {}, as (producer, number), the log holds the numbers",
            ((("till-1", 1), ("till-1", 2)), [1, 2]),
            ((("till-1", 1), ("till-1", 2), ("till-1", 2), ("till-1", 3), ("till-1", 1)), [1, 2, 3]),
            ((("till-1", 5), ("till-1", 4), ("till-1", 6)), [5, 6]),
            ((("till-1", 5), ("till-2", 1), ("till-2", 1), ("till-1", 6)), [5, 1, 6]),
        ),
    ),
)

# 02


def _discounted(sql: str, price: int) -> list[tuple[int, ...]]:
    shop = Database(memory=True)
    shop.table("orders").insert_all(
        [{"order_id": "o1", "list_price": price, "amount": price}, {"order_id": "o2", "list_price": 50, "amount": 50}]
    )
    states = []
    for _ in range(3):
        shop.execute(_written(sql))
        states.append(tuple(row["amount"] for row in shop["orders"].rows))
    return states


def _mails(db: Database) -> int | str:
    """How many mails there are, where each is about an order of its own; else in words. It reads no other table: what
    else there is may be a guard, and is no effect."""
    [(mails, different)] = db.execute("SELECT count(*), count(DISTINCT order_id) FROM mails").fetchall()
    return int(mails) if mails == different else f"{mails} mails about {different} order{'s' * (different != 1)}"


def _newest(put: Callable[..., Any], *puts: tuple[str, int, int]) -> dict[str, Any]:
    state: dict[str, tuple[int, int]] = {}
    for one in puts:
        found = put(state, *one)
        state = state if found is None else found
    return state


_02 = (
    Turn(
        "discount",
        "Order o1 gets 10 off its list price. Write DISCOUNT as a statement that may be repeated.",
        "The result is named by what doesn't change: 10 off the list price, not 10 off whatever stands there.",
        examples(
            _discounted,
            "With a list price of {} for o1, and 50 for o2, the amounts of the two after each of three times are",
            ((30,), [(20, 50)] * 3),
            ((80,), [(70, 50)] * 3),
        ),
    ),
    Turn(
        "one_mail_an_order",
        "one_mail_each has two effects, and a duplicate repeats one of them. Mend it, so that each order has exactly "
        "one row in mails, whatever is repeated, crashes or overlaps. (Here total(db) is the number of mails.)",
        "One insert may guard both in one transaction, or each has a condition of its own: every effect is covered.",
        part("counted", after=(_mails,)),
    ),
    Turn(
        "newest_wins",
        "Write put_newer: state[order] becomes (version, amount) if the version is higher than the one that is there.",
        "Condition 5 holds: a late duplicate is older than what is there, and changes nothing. See lesson 04.",
        examples(
            _newest,
            "After the puts {}, as (order, version, amount), the state is",
            ((("o8", 1, 100),), {"o8": (1, 100)}),
            ((("o8", 1, 100), ("o8", 2, 120), ("o8", 1, 100)), {"o8": (2, 120)}),
            ((("o8", 2, 120), ("o8", 1, 100)), {"o8": (2, 120)}),
            ((("o8", 1, 120), ("o8", 2, 100), ("o8", 1, 120)), {"o8": (2, 100)}),
            ((("o8", 1, 100), ("o9", 1, 30), ("o8", 1, 100)), {"o8": (1, 100), "o9": (1, 30)}),
        ),
    ),
)

# 03


#: Rows for the table of bonuses, and why each is to be refused; empty: it is not.
_BONUSES = (
    (("o8", 666, 5), ""),
    (("o8", 777, 5), ""),
    (("o9", 666, 5), ""),
    (("o8", 666, 5), "it is the second for order o8 and customer 666"),
    (("o8", 666, 9), "it is another one for order o8 and customer 666, whatever its points"),
    ((None, 666, 5), "it names no order"),
    (("o9", None, 5), "it names no customer"),
)


def _bonus_table(_: Lesson, answers: tuple[Any, ...]) -> str | None:
    [sql] = answers
    shop = Database(memory=True)
    shop.execute(_written(sql))
    for row, why in _BONUSES:
        try:
            shop.execute("INSERT INTO bonus (order_id, customer, points) VALUES (?, ?, ?)", row)
        except sqlite3.IntegrityError as error:
            if not why:
                return f"The row {row} is refused ({error}), and there is no other for its order and customer."
        else:
            if why:
                return f"The row {row} is not refused, and has to be: {why}."
    return None


class _Stale:
    """A database whose first reading is of a moment ago: what READ COMMITTED lets a second settler see."""

    def __init__(self, db: Database, rows: list[dict[str, Any]]) -> None:
        self._db, self._rows = db, rows

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)

    def query(self, *_: Any) -> list[dict[str, Any]]:
        return self._rows


def _settled_twice(settle: Callable[..., Any]) -> tuple[int, int]:
    """The balances when one settler is done, and when a second one that read before it is."""
    db = Database(memory=True)
    db.execute(
        "CREATE TABLE ledger (transfer_id TEXT NOT NULL, account INTEGER NOT NULL, amount INTEGER NOT NULL, "
        "settled INTEGER NOT NULL DEFAULT 0, UNIQUE (transfer_id, account))"
    )
    db.table("account").insert({"id": 666, "balance": 1000}, pk="id")
    db.execute("INSERT INTO ledger VALUES ('t8', 666, -100, 0), ('t9', 666, -30, 0)")
    due = list(db.query("SELECT * FROM ledger WHERE NOT settled"))
    balances = []
    for view in (db, _Stale(db, due)):
        settle(view)
        balances.append(db.execute("SELECT balance FROM account").fetchone()[0])
    return balances[0], balances[1]


def _found(sql: str) -> list[tuple[Any, ...]]:
    bank = Database(memory=True)
    bank.execute("CREATE TABLE ledger (transfer_id TEXT, account INTEGER, amount INTEGER)")
    rows = [("t8", 666, -100), ("t8", 777, 100), ("t9", 666, -100), ("t8", 666, -100), ("t7", 66, 5), ("t7", 66, 9)]
    rows += [("t8", 666, -100), ("t5", 666, -30), ("t5", 777, 30)]
    bank.conn.executemany("INSERT INTO ledger VALUES (?, ?, ?)", rows)
    return sorted(tuple(row[:2]) for row in bank.execute(_written(sql)).fetchall())


_03 = (
    Turn(
        "bonus_table",
        "Each order earns each customer at most one bonus. Write the CREATE TABLE for bonus(order_id, customer, "
        "points): it has to refuse the second one, and rows that name no order or no customer.",
        "At most one for each order and customer: the nouns are the columns, and none of them may be NULL.",
        _bonus_table,
    ),
    Turn(
        "settle_by_count",
        "Write tick_and_count: tick each entry only if it is not ticked yet, look at the count, and add only where "
        "it is 1; all in one transaction. It is run by a settler that has read before another one was done.",
        "It doesn't rest on SQLite's refusal: whoever ticks the row adds it, and nobody else. So it holds at READ "
        "COMMITTED, too.",
        lambda lesson, answers: _settle_by_count(lesson, answers),
    ),
    Turn(
        "duplicates_before",
        "Write DUPLICATES: a query for the transfer_id and account of everything that is in the ledger more than once.",
        "The way to a constraint on a table that was kept without one begins here.",
        examples(
            _found,
            "In a ledger with t8/666 three times, t7/66 twice, and both legs of t5 once, the query finds",
            ((), [("t7", 66), ("t8", 666)]),
        ),
    ),
)


def _settle_by_count(lesson: Lesson, answers: tuple[Any, ...]) -> str | Report | None:
    settle = answers[-1]
    first, second = _settled_twice(settle)
    if first != 870:
        return f"Entries of −100 and −30 on a balance of 1000 come to {first}, must be 870."
    if second != 870:
        return (
            f"A second settler had read the same two entries before the first was done. It adds them again: {second}, "
            "must stay 870."
        )
    return part("entries")(lesson, answers)


# 03b


def _filed(enter: Callable[..., Any]) -> tuple[list[Any], list[str]]:
    with tempfile.TemporaryDirectory() as folder:
        said = [enter(Path(folder), *leg) for leg in (("t8", 666), ("t8", 777), ("t8", 666), ("t86", 66))]
        return said, sorted(path.name for path in Path(folder).iterdir())


def _unique(enter: Callable[..., Any]) -> list[bool]:
    names, files = _filed(enter)
    return [name == "entered" for name in names] + [len(files) == 3]


@contextmanager
def _somebody_enters(file: Path) -> Iterator[list[str]]:
    """Whenever the code has looked for ``file``, another process makes it before the code goes on, unless it is there.
    Yields what that one is told."""
    told: list[str] = []

    def then_made(look: Callable[..., Any]) -> Callable[..., Any]:
        def looked(path: Any = ".", *arguments: Any, **options: Any) -> Any:
            try:
                return look(path, *arguments, **options)
            finally:
                if isinstance(path, str | Path) and Path(path) in (file, file.parent) and not told:
                    with suppress(FileExistsError):
                        os.close(os.open(file, os.O_CREAT | os.O_EXCL))
                        told.append("entered")

        return looked

    with ExitStack() as stack:
        for look in ("stat", "lstat", "listdir", "scandir", "access"):
            stack.enter_context(patch.object(os, look, then_made(getattr(os, look))))
        yield told


_filed_rightly = examples(
    _unique,
    "Whether t8/666, t8/777, t8/666 again and t86/66 are entered, and three files are there:",
    ((), [True, True, False, True, True]),
)


def _enter_as_file(lesson: Lesson, answers: tuple[Any, ...]) -> str | None:
    [enter] = answers
    wrong = _filed_rightly(lesson, answers)
    if wrong is not None:
        return wrong
    with tempfile.TemporaryDirectory() as folder:
        enter(Path(folder), "t8", 666)
        [name] = os.listdir(folder)
    with tempfile.TemporaryDirectory() as folder, _somebody_enters(Path(folder, name)) as told:
        told.append(enter(Path(folder), "t8", 666))
    if told != ["entered", "entered"]:
        return None
    return (
        "It looks for the file first and makes it afterwards. Another process made it in between, and both were told "
        '"entered". Make it in one step that fails where the file is there.'
    )


def _ids(transfer_id: Callable[..., Any]) -> tuple[int, bool]:
    made = [transfer_id(shop, number) for shop, number in (("web", 1), ("till", 1), ("web", 11), ("web1", 1))]
    again = [transfer_id("web", 1), transfer_id("till", 1)]
    return len(set(made)), made[:2] == again


_03B = (
    Turn(
        "enter_as_file",
        'Write enter_as_file: it makes an empty file for the transfer and the account, and returns "entered", or '
        '"is there already".',
        "Exclusive creation is one step for all who write. The name carries the key, so it must not run the two parts "
        "together: t8 with 66 and t86 with 6 are two entries.",
        _enter_as_file,
    ),
    Turn(
        "hash_of_transfers",
        "Write enter_in_hash: keep all transfers in one Redis hash, under the transfer's id (HSETNX), and sum_of_hash, "
        "which adds them up.",
        "One key to read, no SCAN. HSETNX is insert if absent for a field. (HSET would be right as long as a transfer "
        "always says the same amount; where it doesn't, the last would win.)",
        part("booked"),
    ),
    Turn(
        "two_shops",
        "Write transfer_id: the name of the shop and the number of the order, so that no two shops make the same one.",
        "The shop's name, and a sign between the two that stands in no number.",
        examples(
            _ids,
            "How many different ids web 1, till 1, web 11 and web1 1 get, and whether they are the same next time:",
            ((), (4, True)),
        ),
    ),
)

# 04


def _paid(sql: str) -> list[Any]:
    shop = Database(memory=True)
    states = {"o8": "open", "o9": "cancelled", "o10": "open"}
    shop.table("orders").insert_all([{"number": number, "state": state} for number, state in states.items()])
    counts = [shop.execute(_written(sql), {"number": number}).rowcount for number in ("o8", "o8", "o9", "o10")]
    return [*counts, *(row["state"] for row in shop["orders"].rows)]


def _decided(decide: Callable[..., Any], stored: int, version: int) -> Any:
    return decide(stored, version)


def _conflicts(apply: Callable[..., Any], *messages: tuple[str, int]) -> list[Any]:
    made: dict[int, str] = {}
    return [apply(made, identity, version) for identity, version in messages]


_04 = (
    Turn(
        "pay_if_open",
        "Write PAY: it marks the order :number as paid if it is open, and changes nothing otherwise.",
        "The statement changes what its condition reads, and paid never becomes open again: no ABA.",
        examples(
            _paid,
            "o8 and o10 are open, o9 is cancelled. The row counts for o8, o8, o9 and o10, and the states of o8, o9 and "
            "o10 afterwards, are",
            ((), [1, 0, 0, 1, "paid", "cancelled", "paid"]),
        ),
    ),
    Turn(
        "three_words",
        'Write decide: given the stored version and the message\'s, it returns "apply", "early" or "stale".',
        "Equal is its turn, higher is early, lower is stale. Now the same as conditions in SQL.",
        examples(
            _decided,
            "With the stored version and the message's {} it returns",
            ((7, 7), "apply"),
            ((7, 8), "early"),
            ((7, 12), "early"),
            ((8, 7), "stale"),
            ((0, 0), "apply"),
        ),
    ),
    Turn(
        "tell_conflicts",
        'Write apply: made[version] holds the id of the message that was applied at that version. Return "applied" '
        '(and note the id), "duplicate" or "conflict".',
        "The version tells that a message comes late, the id tells whether it is the same one. Together they tell a "
        "duplicate, which may be dropped, from a conflict, which must not.",
        examples(
            _conflicts,
            "For the messages {}, as (id, version), it returns",
            ((("8", 7),), ["applied"]),
            ((("8", 7), ("8", 7)), ["applied", "duplicate"]),
            ((("8", 7), ("f1", 7), ("8", 7)), ["applied", "conflict", "duplicate"]),
            ((("8", 7), ("9", 8), ("8", 7), ("9", 7)), ["applied", "applied", "duplicate", "conflict"]),
        ),
    ),
)

# 05


def _say_not_now(lesson: Lesson, answers: tuple[Any, ...]) -> str | Report | None:
    """Beside the verdict: what leaves the handler where somebody else holds the lock."""
    report = part("credit")(lesson, answers)
    if report is not None:
        return report
    [handle] = answers
    message = SimpleNamespace(id="8", body={"account": 666, "amount": 100})
    with ExitStack() as stack:
        file = Path(stack.enter_context(tempfile.TemporaryDirectory()), "bank")
        other, own = (
            stack.enter_context(closing(sqlite3.connect(file, timeout=0, isolation_level=None))) for _ in range(2)
        )
        other.execute("CREATE TABLE account (id INTEGER PRIMARY KEY, balance INTEGER)")
        other.execute("CREATE TABLE processed (message_id TEXT PRIMARY KEY)")
        other.execute("BEGIN IMMEDIATE")
        try:
            handle(message, Database(own))
        except sqlite3.OperationalError as error:
            return f"No payment is lost. But {str(error)!r} still leaves the handler, and stands in the log."
        except Exception:
            return None
    return None


_05 = (
    Turn(
        "the_race",
        "It ends right so far. Move +A and the steps of B, so that account 666 holds 200; without a crash.",
        "Both checked before either had marked, and both credited.",
        schedule("credit", "account 666 holds 200", with_="+", without="!~^?"),
    ),
    Turn(
        "say_not_now",
        "log_stays_clean swallows the lock error. Mend it, so that the log stays clean and no payment is lost.",
        "Not now: the queue delivers it again, and the payment is neither lost nor called a failure.",
        _say_not_now,
    ),
    Turn(
        "credit_and_mail",
        "There is a table outbox(message_id, text) now. Write the handler that credits once and leaves one mail in it.",
        "The mail is a row now, so the transaction covers it. Who reads the outbox sends it, at least once.",
        part("credit_and_mail"),
    ),
)

# 05b


def _fenced(raise_: str, write: str) -> list[int]:
    scratch = Database(memory=True)
    scratch.table("account").insert({"id": 666, "balance": 0, "fence": 0})
    steps = ((raise_, 33), (raise_, 34), (write, 33), (write, 34), (raise_, 33), (write, 34))
    return [scratch.execute(_written(sql), {"token": token}).rowcount for sql, token in steps]


#: What gets lost of the first sends, in words, and in their order.
_LOST = {
    "nothing": (),
    "the first request": ("request",),
    "the first answer": ("answer",),
    "two requests and an answer": ("request", "request", "answer"),
}


def _relayed(relay: Callable[..., Any], lost: str) -> tuple[list[str], list[str], int]:
    outbox = {"8": "100 credited", "88": "40 credited"}
    inbox: list[str] = []
    fails = list(_LOST[lost])

    def send(identity: str, text: str) -> None:
        event = fails.pop(0) if fails else "fine"
        if event != "request":
            inbox.append(identity)
        if event != "fine":
            raise ConnectionError("no answer")

    for _ in range(5):
        with suppress(ConnectionError):  # it may let the error out: it is called again
            relay(outbox, send)
    return sorted(outbox), sorted(set(inbox)), len(inbox)


_05B = (
    Turn(
        "raise_the_fence",
        "Write RAISE, which B carries out before it looks: it sets the fence to :token where the fence is lower. And "
        "WRITE, which adds 100 only while the fence is :token.",
        "Now A with 33 is kept out from the moment in which B has raised the fence to 34, before B has looked.",
        examples(
            _fenced,
            "The row counts of RAISE 33, RAISE 34, WRITE 33, WRITE 34, RAISE 33 and WRITE 34 are",
            ((), [1, 1, 0, 1, 0, 1]),
        ),
    ),
    Turn(
        "relay",
        "Write relay: it sends each task of the outbox, and takes it out only when send has returned. A "
        "ConnectionError leaves it there for the next time.",
        "At least once again, so the other side needs its inbox.",
        examples(
            _relayed,
            "It is called five times. With {} lost, the tasks that are left, the ids that arrived and the number of "
            "arrivals are",
            (("nothing",), ([], ["8", "88"], 2)),
            (("the first request",), ([], ["8", "88"], 2)),
            (("the first answer",), ([], ["8", "88"], 3)),
            (("two requests and an answer",), ([], ["8", "88"], 3)),
        ),
    ),
    Turn(
        "commit_then_send",
        "in_a_transaction sends before its key is committed. Mend it.",
        "Committed first, sent afterwards, and the same key in every try.",
        part("pay"),
    ),
)

#: Lesson → name → turn.
TURNS: dict[str, dict[str, Turn]] = {
    lesson: {turn.name: turn for turn in turns}
    for lesson, turns in (
        ("00", _00),
        ("01", _01),
        ("02", _02),
        ("03", _03),
        ("03b", _03B),
        ("04", _04),
        ("05", _05),
        ("05b", _05B),
    )
}
