"""The door for anybody's consumer: `check` for imported handlers, with their modules' own memory.

What is written here stands in packages of its own, made in a folder of the test, as it would stand at work.
"""

from __future__ import annotations

import ast
import doctest
import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import redelivery
from redelivery import (
    Bounds,
    CannotCheck,
    Check,
    Message,
    NotProved,
    Reader,
    Service,
    always,
    as_often_as,
    check,
    final,
    library,
)
from tests.own_project import OwnProject

SCHEMA = """
CREATE TABLE account (id INTEGER PRIMARY KEY, balance INTEGER);
INSERT INTO account VALUES (666, 0);
CREATE TABLE processed (message_id TEXT PRIMARY KEY);
"""
PAYMENT = {"id": "8", "account": 666, "amount": 100}


def holds_100(db: Any) -> bool:
    return bool(db.execute("SELECT balance FROM account WHERE id = 666").fetchone() == (100,))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OwnProject]:
    own = OwnProject(tmp_path, monkeypatch)
    yield own
    own.close()


def judged(handler: Any, **given: Any) -> redelivery.Result:
    return Check(handler, **{"schema": SCHEMA, "messages": [PAYMENT], "claim": holds_100, **given}).run()


CREDIT = 'db.execute("UPDATE account SET balance = balance + ? WHERE id = ?", [message["amount"], message["account"]])'
GOOD = f"""
def handle(message, db):
    with db.atomic():
        if db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message["id"]]).rowcount:
            {CREDIT}
"""


# -- memory of the project's modules ---------------------------------------------------------------------------

#: Ways to remember in a process what was done. None of them outlives a restart.
REMEMBERING = {
    "a set of the module": {
        "consumers": f"""
            SEEN = set()
            def handle(message, db):
                if message["id"] not in SEEN:
                    {CREDIT}
                    SEEN.add(message["id"])
        """
    },
    "a set of another module, imported by name": {
        "state": "SEEN = set()",
        "consumers": f"""
            from .state import SEEN
            def handle(message, db):
                if message["id"] not in SEEN:
                    {CREDIT}
                    SEEN.add(message["id"])
        """,
    },
    "an attribute of another module": {
        "state": "LAST = None",
        "consumers": f"""
            from . import state
            def handle(message, db):
                if state.LAST != message["id"]:
                    {CREDIT}
                    state.LAST = message["id"]
        """,
    },
    "functions of another module": {
        "state": """
            _seen = []
            def mark(x): _seen.append(x)
            def known(x): return x in _seen
        """,
        "consumers": f"""
            import SHOP.state
            def handle(message, db):
                if not SHOP.state.known(message["id"]):
                    {CREDIT}
                    SHOP.state.mark(message["id"])
        """,
    },
    "a module that is imported inside": {
        "state": "SEEN = set()",
        "consumers": f"""
            def handle(message, db):
                from SHOP.state import SEEN
                if message["id"] not in SEEN:
                    {CREDIT}
                    SEEN.add(message["id"])
        """,
    },
    "a class's attribute": {
        "state": """
            class Memory:
                seen = set()
                @classmethod
                def first_time(cls, x):
                    new = x not in cls.seen
                    cls.seen.add(x)
                    return new
        """,
        "consumers": f"""
            from .state import Memory
            def handle(message, db):
                if Memory.first_time(message["id"]):
                    {CREDIT}
        """,
    },
    "an object of the module": {
        "state": """
            import threading
            class Memory:
                def __init__(self):
                    self.seen, self.lock = set(), threading.Lock()
                def first_time(self, x):
                    with self.lock:
                        new = x not in self.seen
                        self.seen.add(x)
                        return new
            memory = Memory()
        """,
        "consumers": f"""
            from .state import memory
            def handle(message, db):
                if memory.first_time(message["id"]):
                    {CREDIT}
        """,
    },
    "a cache": {
        "consumers": f"""
            import functools
            def make(db, message):
                @functools.lru_cache
                def credit(key):
                    {CREDIT}
                return credit
            CREDITS = {{}}
            def handle(message, db):
                if message["id"] not in CREDITS:
                    CREDITS[message["id"]] = True
                    make(db, message)(message["id"])
        """
    },
    "an object that is made once in each process": {
        "consumers": f"""
            class Consumer:
                def __init__(self, db):
                    self.db, self.seen = db, set()
                def handle(self, message):
                    db = self.db
                    if message["id"] not in self.seen:
                        {CREDIT}
                        self.seen.add(message["id"])
        """
    },
}


@pytest.mark.parametrize("name", REMEMBERING)
def test_what_a_process_remembers_is_lost_and_shared_with_nobody(name: str, project: OwnProject) -> None:
    module = project.write(**REMEMBERING[name])
    if hasattr(module, "Consumer"):
        result = judged(module.Consumer, make=lambda c, db: c(db), call=lambda c, message: c.handle(message))
    else:
        result = judged(module.handle)
    assert (result.verdict, result.mistake) == ("refuted", "memory-in-process")
    assert result.file is not None and Path(result.file).parent == Path(str(module.__file__)).parent


def test_the_line_is_found_in_what_the_consumer_reaches_and_nowhere_else(project: OwnProject) -> None:
    """Another module of the project's may use the same names, and it was searched as well, and first."""
    module = project.write(**REMEMBERING["a class's attribute"], a_neighbour="def known(seen):\n    return not seen\n")
    importlib.import_module(module.__name__.replace("consumers", "a_neighbour"))
    result = judged(module.handle)
    assert (result.mistake, result.file) == ("memory-in-process", module.__file__)


@pytest.mark.parametrize("name", [name for name in REMEMBERING if "made once" not in name])
def test_a_check_leaves_the_modules_as_they_were(name: str, project: OwnProject) -> None:
    module = project.write(**REMEMBERING[name])
    first = judged(module.handle)
    again = judged(module.handle)
    assert first.schedule == again.schedule is not None


def test_what_a_library_shares_is_seen_when_it_changes(project: OwnProject) -> None:
    module = project.write(
        state="SEEN = set()",
        consumers=f"""
            import importlib
            def handle(message, db):
                state = importlib.import_module("SHOP.state")
                if message["id"] not in state.SEEN:
                    state.SEEN.add(message["id"])
                    {CREDIT}
        """,
    )
    assert judged(module.handle).verdict in ("undetermined", "refuted")


def test_what_is_drawn_when_a_module_is_imported_has_to_be_drawn_inside(project: OwnProject) -> None:
    module = project.write(
        consumers=f"""
            import uuid
            WORKER = str(uuid.uuid4())
            def handle(message, db):
                db.execute("INSERT INTO processed VALUES (?)", [WORKER])
                {CREDIT}
        """
    )
    with pytest.raises(CannotCheck, match=r"WORKER in shop\d+\.consumers is drawn"):
        judged(module.handle)


def test_names_in_annotations_are_no_memory(project: OwnProject) -> None:
    """`ClassVar["Seen"]` holds a name with its compiled text, which nobody changes."""
    module = project.write(
        consumers=f"""
            from typing import ClassVar, Generic, Optional, TypeVar
            T = TypeVar("T")
            class Seen(Generic[T]):
                only: ClassVar[Optional["Seen"]] = None
                def __new__(cls):
                    if cls.only is None:
                        cls.only = super().__new__(cls)
                        cls.only.ids = set()
                    return cls.only
            class Ids(Seen["Ids"]): ...
            def handle(message, db):
                if message["id"] not in Ids().ids:
                    {CREDIT}
                    Ids().ids.add(message["id"])
        """
    )
    assert judged(module.handle).mistake == "memory-in-process"


def test_a_module_that_was_changed_and_reloaded_shows_its_new_lines(project: OwnProject) -> None:
    module = project.write(consumers=f"def handle(message, db):\n    {CREDIT}\n")
    assert "consumers.py:2   db.execute(" in judged(module.handle).text()
    Path(str(module.__file__)).write_text(f"\n\n# moved down\ndef handle(message, db):\n    {CREDIT}\n", "utf-8")
    importlib.reload(module)
    assert "consumers.py:5   db.execute(" in judged(module.handle).text()


# -- verdicts ------------------------------------------------------------------------------------------------


def test_a_right_consumer_is_proved_and_says_what_that_covers(project: OwnProject) -> None:
    result = judged(project.write(consumers=GOOD).handle)
    assert (result.verdict, result.proved, result.schedule) == ("proved", True, None)
    assert result.schedules > 1000
    assert "2 consumers, 1 message, at most 2 faults" in result.bounds
    assert result.to_json()["exhausted"] is True


def test_check_raises_with_the_picture_and_the_line(project: OwnProject) -> None:
    module = project.write(consumers=f"def handle(message, db):\n    {CREDIT}\n")
    with pytest.raises(NotProved) as caught:
        check(module.handle, schema=SCHEMA, messages=[PAYMENT], claim={"credited once": holds_100})
    text = str(caught.value)
    assert 'the claim "credited once" does not hold' in text
    assert "At the end: account: (666, 200); processed: empty" in text
    assert f"{module.__name__.partition('.')[0]}/consumers.py:2   db.execute(" in text
    assert caught.value.result.line == 2


def test_a_schedule_can_be_replayed(project: OwnProject) -> None:
    module = project.write(consumers=f"def handle(message, db):\n    {CREDIT}\n")
    this = Check(module.handle, [PAYMENT], holds_100, SCHEMA)
    schedule = this.run().schedule
    assert schedule is not None
    assert not this.replay(schedule).ends_right
    assert this.replay("").ends_right
    assert this.replay("rollback:").run.journal == "rollback"
    with pytest.raises(CannotCheck, match="can't be carried out: position 1"):
        this.replay("x")
    with pytest.raises(CannotCheck, match="is no schedule"):
        this.replay("memory:A")


@pytest.mark.parametrize("width", [60, 80, 200])
def test_the_text_fits_into_the_terminal(width: int, project: OwnProject) -> None:
    module = project.write(consumers=f"def handle(message, db):\n    {CREDIT}\n")
    result = judged(module.handle)
    lines = result.text(width).splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith("  1 "))
    end = next(n for n, line in enumerate(lines) if line.startswith("Smallest"))
    assert all(len(line) <= width for line in lines[start:end])
    assert any("point of no return" in line for line in lines)
    assert lines[start - 1].startswith("  #") == (width == 200)


def test_lines_of_several_files_are_told_apart(project: OwnProject) -> None:
    module = project.write(
        ledger=f"def credit(message, db):\n    {CREDIT}\n",
        consumers="""
            from .ledger import credit
            def handle(message, db):
                credit(message, db)
                db.execute("INSERT INTO processed VALUES (?)", [message["id"]])
        """,
    )
    text = judged(module.handle).text(120)
    assert "ledger.py:2 │ UPDATE" in text
    assert "consumers.py:5 │ INSERT" in text


# -- stores --------------------------------------------------------------------------------------------------


def test_the_module_sqlite3(project: OwnProject) -> None:
    module = project.write(
        consumers="""
            def wrong(message, conn):
                cursor = conn.cursor()
                cursor.execute("SELECT 1 FROM log WHERE id = ?", (message["id"],))
                if cursor.fetchone() is None:
                    cursor.execute("UPDATE account SET balance = balance + 100")
                    conn.commit()
                    cursor.execute("INSERT INTO log VALUES (?)", (message["id"],))
                    conn.commit()

            def right(message, conn):
                with conn:
                    conn.execute("BEGIN IMMEDIATE")
                    if conn.execute("SELECT 1 FROM log WHERE id = ?", (message["id"],)).fetchone() is None:
                        conn.execute("UPDATE account SET balance = balance + 100")
                        conn.execute("INSERT INTO log VALUES (?)", (message["id"],))
        """
    )
    schema = "CREATE TABLE account (balance); INSERT INTO account VALUES (0); CREATE TABLE log (id TEXT)"
    rows = lambda conn: conn.execute("SELECT balance FROM account").fetchall() == [(100,)]  # noqa: E731
    assert judged(module.wrong, schema=schema, claim=rows).verdict == "refuted"
    assert judged(module.right, schema=schema, claim=rows).proved


def test_redis(project: OwnProject) -> None:
    module = project.write(
        consumers="""
            def wrong(message, redis):
                if redis.set(f"done:{message['id']}", 1, nx=True):
                    redis.incrby("balance", message["amount"])

            def right(message, redis):
                redis.hsetnx("credits", message["id"], message["amount"])
        """
    )
    claim = lambda redis: redis.get("balance") == b"100" and redis.type("done:8") == b"string"  # noqa: E731
    result = judged(module.wrong, schema=None, claim=claim)
    assert result.verdict == "refuted"
    assert judged(module.right, schema=None, claim=lambda redis: redis.hgetall("credits") == {b"8": b"100"}).proved


def test_a_client_of_redis_in_the_module_is_simulated(project: OwnProject) -> None:
    module = project.write(
        consumers="""
            import redis
            r = redis.Redis(host="cache", decode_responses=True)
            def wrong(message):
                if r.get("done:" + message["id"]) != "yes":
                    r.incrby("balance", message["amount"])
                    r.set("done:" + message["id"], "yes")

            def right(message):
                with r.pipeline() as pipe:
                    while True:
                        try:
                            pipe.watch("done:" + message["id"])
                            if pipe.get("done:" + message["id"]) == "yes":
                                return
                            pipe.multi()
                            pipe.incrby("balance", message["amount"])
                            pipe.set("done:" + message["id"], "yes")
                            pipe.execute()
                            return
                        except redis.WatchError:
                            continue
        """
    )
    claim = lambda redis: redis.get("balance") == b"100"  # noqa: E731
    assert judged(module.wrong, schema=None, claim=claim).verdict == "refuted"
    assert judged(module.right, schema=None, claim=claim).proved


# -- claims --------------------------------------------------------------------------------------------------


def test_several_claims_have_names_that_the_verdict_uses(project: OwnProject) -> None:
    module = project.write(consumers=f"def handle(message, db):\n    {CREDIT}\n")
    claims = {
        "the account is there": lambda db: db["account"].count == 1,
        "at most 100": always(lambda db: db["account"].get(666)["balance"] <= 100),
    }
    result = judged(module.handle, claim=claims)
    assert result.claim == 'the claim "at most 100" did not hold all the time'


def test_what_must_hold_at_any_time(project: OwnProject) -> None:
    module = project.write(
        consumers="""
            def handle(message, connection):
                with connection:
                    connection.execute("UPDATE account SET balance = 50")
                with connection:
                    connection.execute("UPDATE account SET balance = 100")
        """
    )
    assert judged(module.handle, faults=0, consumers=1).proved
    never_50 = always(lambda db: db.execute("SELECT balance FROM account").fetchone()[0] != 50, "never 50")
    assert judged(module.handle, faults=0, consumers=1, claim=[final(holds_100), never_50]).claim == (
        'the claim "never 50" did not hold all the time'
    )


def test_a_state_that_did_not_hold_for_a_while_is_shown(project: OwnProject) -> None:
    """The end is right; what is shown is the moment that was not."""
    module = project.write(
        consumers="""
            def handle(message, db):
                with db.atomic():
                    if not db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message["id"]]).rowcount:
                        return
                    db.execute("UPDATE account SET balance = balance - 100")
                with db.atomic():
                    db.execute("UPDATE account SET balance = balance + 100")
        """
    )
    result = judged(module.handle, claim=always(lambda db: db["account"].get(666)["balance"] == 0, "not torn"))
    assert (result.mistake, result.line) == ("torn-update", 3)
    assert "After step 4: account: (666, -100); processed: ('8')" in result.text()


def test_as_often_as_there_are_messages(project: OwnProject) -> None:
    module = project.write(
        consumers="""
            def twice(message, db):
                db.execute("INSERT INTO log VALUES (?)", [message["id"]])
            def once(message, db):
                db.execute("INSERT OR IGNORE INTO log VALUES (?)", [message["id"]])
        """
    )
    given = {
        "schema": "CREATE TABLE log (id TEXT)",
        "messages": [{"id": "8"}, {"id": "9"}],
        "claim": as_often_as(lambda db: db["log"].count, "entries"),
    }
    assert "entries" in str(judged(module.twice, **given).claim)
    given["schema"] = "CREATE TABLE log (id TEXT PRIMARY KEY)"
    assert judged(module.once, **given).proved
    given["claim"] = as_often_as(lambda db: db["log"].count, "entries", lambda message: message["id"] == "8")
    assert judged(module.once, **given).claim == '"entries": 2, must be 1'


def test_poison_has_to_be_refused(project: OwnProject) -> None:
    module = project.write(
        consumers=f"""
            def accepts(message, db):
                if message["amount"] == 0:
                    return
                handle(message, db)
            def refuses(message, db):
                if message["amount"] == 0:
                    raise ValueError("nothing to credit")
                handle(message, db)
            {GOOD.replace(chr(10), chr(10) + " " * 12)}
        """
    )
    messages = [PAYMENT, {"id": "bad", "account": 666, "amount": 0}]
    wrong = judged(module.accepts, messages=messages, poison=["bad"])
    assert wrong.claim == "message bad was acknowledged, must reach the dead-letter queue"
    assert judged(module.refuses, messages=messages, poison=["bad"]).proved
    assert judged(module.refuses, messages=messages).verdict == "stuck"
    dead = lambda dead, db: dead == ["bad"] and holds_100(db)  # noqa: E731
    assert judged(module.refuses, messages=messages, poison=["bad"], claim=dead).proved


def test_readers_are_asked_in_between(project: OwnProject) -> None:
    module = project.write(
        consumers=f"""
            {GOOD.replace(chr(10), chr(10) + " " * 12)}
            def torn(message, db):
                if db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message["id"]]).rowcount:
                    pass
                handle2(message, db)
            def handle2(message, db):
                with db.atomic():
                    {CREDIT}
            def balance(db):
                return db.execute("SELECT balance FROM account").fetchone()[0]
            LAST = []
            def stale(db):
                if not LAST:
                    LAST.append(balance(db))
                return LAST[0]
        """
    )

    def right(answer: int, done: list[Any], begun: list[Any]) -> bool:
        return 100 * len(done) <= answer <= 100 * len(begun)

    assert judged(module.handle, readers={"balance": Reader(module.balance, right)}).proved
    wrong = judged(module.handle, readers={"the balance": Reader(module.stale, right)})
    assert wrong.claim == "the balance answers 0 when 8 is done"
    assert str(wrong.schedule).startswith("2:") or str(wrong.schedule).startswith("2/")


def test_a_job_runs_beside_the_handler(project: OwnProject) -> None:
    module = project.write(
        consumers="""
            def handle(message, db):
                db.execute("INSERT OR IGNORE INTO entry VALUES (?, ?, 0)", [message["id"], message["amount"]])
            def settle_wrong(db):
                for identity, amount in db.execute("SELECT id, amount FROM entry WHERE settled = 0").fetchall():
                    db.execute("UPDATE account SET balance = balance + ?", [amount])
                    db.execute("UPDATE entry SET settled = 1 WHERE id = ?", [identity])
            def settle(db):
                with db.atomic():
                    db.execute("UPDATE account SET balance = (SELECT sum(amount) FROM entry)")
        """
    )
    schema = SCHEMA + "CREATE TABLE entry (id TEXT PRIMARY KEY, amount INTEGER, settled INTEGER);"
    assert judged(module.handle, schema=schema, job=module.settle).proved
    assert judged(module.handle, schema=schema, job=module.settle_wrong).verdict == "refuted"


# -- other ways to call ----------------------------------------------------------------------------------------


def test_call_says_how_the_handler_is_called(project: OwnProject) -> None:
    module = project.write(
        messages="""
            import dataclasses
            @dataclasses.dataclass
            class Payment:
                id: str
                account: int
                amount: int
        """,
        consumers="""
            from .messages import Payment
            class Consumer:
                def __init__(self, db):
                    self.db = db
                def on_payment(self, payment: Payment):
                    with self.db.atomic():
                        if self.db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [payment.id]).rowcount:
                            self.db.execute("UPDATE account SET balance = balance + ?", [payment.amount])
        """,
    )
    result = judged(
        module.Consumer, call=lambda Consumer, message, db: Consumer(db).on_payment(module.Payment(**message))
    )
    assert result.proved


def test_a_decorator_that_hands_something_in(project: OwnProject) -> None:
    """What counts are the parameters of what is called: the decorator's own, or those below one that takes anything."""
    module = project.write(
        consumers="""
            import functools
            import sqlite3
            def with_connection(function):
                @functools.wraps(function)
                def inner(message):
                    with sqlite3.connect("shop.db") as connection:
                        return function(message, connection_of_ours=connection)
                return inner
            def logged(function):
                @functools.wraps(function)
                def inner(*arguments, **named):
                    return function(*arguments, **named)
                return inner
            @logged
            @with_connection
            def handle(message, connection_of_ours):
                if connection_of_ours.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message["id"]]).rowcount:
                    connection_of_ours.execute("UPDATE account SET balance = balance + 100")
            class Consumer:
                @logged
                def handle(self, message, connection):
                    handle(message)
        """
    )
    assert judged(module.handle, database="shop.db").proved
    assert judged(module.Consumer().handle, database="shop.db").proved


def test_messages_may_be_anything_that_a_queue_carries(project: OwnProject) -> None:
    module = project.write(
        consumers="""
            import json
            def handle(message, db):
                db.execute("INSERT OR IGNORE INTO log VALUES (?)", [json.loads(message)["n"]])
            def flagged(message, db):
                if not message.redelivered:
                    db.execute("INSERT INTO log VALUES (?)", [message.body["n"]])
        """
    )
    given = {"schema": "CREATE TABLE log (n INTEGER PRIMARY KEY)", "claim": lambda db: db["log"].count == 1}
    assert judged(module.handle, messages=['{"n": 1}'], **given).proved
    assert judged(module.handle, messages=[b'{"n": 1}'], **given).proved
    assert judged(module.flagged, messages=[Message("m", {"n": 1})], **given).verdict == "refuted"


def test_messages_are_called_by_their_ids(project: OwnProject) -> None:
    module = project.write(consumers="def handle(message, db):\n    db.execute('INSERT INTO log VALUES (1)')\n")
    messages = [{"message_id": "m7"}, b'{"event_id": 8}', "no JSON"]
    given = {"schema": "CREATE TABLE log (n)", "claim": lambda db: db["log"].count == 4}
    text = judged(module.handle, messages=messages, **given).text()
    assert all(f"receive {name}" in text for name in ("m7", "8", "3"))


def test_a_handler_changes_its_own_copy_of_a_message_only(project: OwnProject) -> None:
    module = project.write(
        consumers="""
            def handle(message, db):
                if message["rows"]:
                    db.execute("INSERT OR IGNORE INTO log VALUES (?)", [message["rows"].pop()])
        """
    )
    rows = [1]
    given = {"schema": "CREATE TABLE log (n INTEGER PRIMARY KEY)", "claim": lambda db: db["log"].count == 1}
    assert judged(module.handle, messages=[{"rows": rows}], **given).proved
    assert rows == [1]


def test_coroutines_are_run_to_their_end(project: OwnProject) -> None:
    module = project.write(
        consumers=f"""
            import asyncio
            async def wrong(message, db):
                {CREDIT}
            async def right(message, db):
                await asyncio.sleep(0.1)
                handle(message, db)
            {GOOD.replace(chr(10), chr(10) + " " * 12)}
        """
    )
    assert judged(module.wrong).mistake == "no-duplicate-check"
    assert judged(module.right).proved


SERVICES = """
import asyncio

class Mail:
    async def send(self, address): raise OSError
    def note(self, address): raise OSError

mail = Mail()

async def send(address): raise OSError

async def handle(message, db):
    await send(message["id"])
    await mail.send(message["id"])
    mail.note(message["id"])

async def by_parameter(message, letters):
    await letters.send(message["id"])

def other(address): raise OSError

class Fax:
    def send(self, address): raise OSError

fax = Fax()

def both(message, db):
    mail.note(message["id"])
    fax.send(message["id"])
"""


def test_a_service_that_is_awaited(project: OwnProject) -> None:
    """As it is where it stands; of a parameter the service says so."""
    module = project.write(consumers=SERVICES)
    name = module.__name__
    outside = [f"{name}.send", f"{name}.mail"]
    assert judged(module.handle, outside=outside, claim=lambda send, mail: len(send) and len(mail) > 1).proved
    with pytest.raises(CannotCheck, match=r"outside=\{'letters': Service\(awaited=True\)\}"):
        judged(module.by_parameter, outside=["letters"], claim=lambda letters: len(letters) > 0)
    awaited = {"letters": Service(awaited=True)}
    assert judged(module.by_parameter, outside=awaited, claim=lambda letters: len(letters) > 0).proved


def test_two_services_of_one_name_are_told_apart(project: OwnProject) -> None:
    module = project.write(consumers=SERVICES)
    outside = [f"{module.__name__}.fax.send", f"{module.__name__}.mail.send", f"{module.__name__}.mail.note"]
    result = judged(module.both, outside=outside, claim=lambda fax_send, mail_send, note: not fax_send or not mail_send)
    assert result.proved


def test_what_got_lost_is_named(project: OwnProject) -> None:
    """A request to another service that gets lost is no lost acknowledgement."""
    module = project.write(
        consumers="""
            def handle(message, db, mail):
                with db.atomic():
                    new = db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message["id"]]).rowcount
                if new:
                    mail(message["id"])
        """
    )
    claim = {"a mail": lambda mail: len(mail) >= 1}
    result = judged(module.handle, outside=["mail"], claim=claim)
    assert "Smallest of its kind: 1 lost request, 0 switches" in " ".join(result.text().split())
    bounds = judged(module.handle, outside=["mail"], claim=lambda mail: len(mail) <= 1).bounds
    assert "1 lost acknowledgement or request, 1 lost answer" in bounds


#: Consumers whose marks are no message's ids, or stand where the claims look: name of the mistake, line, what is said.
LOOKED_AT_AGAIN = {
    "check-then-act": (
        """
        def handle(message, db):
            if db.execute("SELECT 1 FROM orders WHERE id = ?", [message["order"]]).fetchone() is None:
                db.execute("INSERT INTO orders VALUES (?)", [message["order"]])
        """,
        {"claim": lambda db: db["orders"].count == 1},
        3,
        "looked for message 8 before the other consumer had marked it; both applied it.",
    ),
    "mark-before-effect": (
        """
        def handle(message, db, mail):
            with db.atomic():
                first = db.execute("SELECT 1 FROM orders WHERE id = ?", [message["order"]]).fetchone() is None
                if first:
                    db.execute("INSERT INTO orders VALUES (?)", [message["order"]])
            if first:
                mail(message["order"])
        """,
        {"outside": ["mail"], "claim": {"entered": lambda db, mail: db["orders"].count >= 1 and len(mail) >= 1}},
        6,
        "made durable that message 8 is done, the consumer gave up before all of it was; the next delivery found that",
    ),
    "unclassified": (
        """
        def handle(message, db):
            with db.atomic():
                db.execute("UPDATE state SET is_now = ?", [message["state"]])
        """,
        {
            "messages": [{"id": "8", "state": "paid"}, {"id": "9", "state": "sent"}],
            "claim": lambda db: next(iter(db["state"].rows))["is_now"] == "sent",
            "faults": 0,
        },
        4,
        "One message after the other, everything ends right; in the order in which this run handles them it does not.",
    ),
}
ORDERS = "CREATE TABLE orders (id TEXT); CREATE TABLE state (is_now TEXT); INSERT INTO state VALUES ('new')"


@pytest.mark.parametrize("name", LOOKED_AT_AGAIN)
def test_a_mistake_is_called_what_it_is_where_marks_are_what_claims_look_at(name: str, project: OwnProject) -> None:
    source, given, line, said = LOOKED_AT_AGAIN[name]
    result = judged(
        project.write(consumers=source).handle,
        **{"schema": ORDERS, "messages": [{"id": "8", "order": "o1"}], **given},
    )
    assert (result.mistake, result.line) == (name, line), result.text()
    assert said in result.sentence


@pytest.mark.parametrize("name", ["effect-before-mark", "mark-before-effect"])
def test_what_goes_wrong_in_a_job_is_said_of_the_job(name: str, project: OwnProject) -> None:
    module = project.write(
        consumers="""
            import uuid
            def handle(message, db):
                with db.atomic():
                    if db.execute("INSERT OR IGNORE INTO orders VALUES (?)", [message["order"]]).rowcount:
                        db.execute("INSERT INTO outbox VALUES (?, ?)", [str(uuid.uuid4()), message["order"]])
            def sends_first(db, mail):
                for key, order in db.execute("SELECT key, id FROM outbox").fetchall():
                    mail(order)
                    with db.atomic():
                        db.execute("DELETE FROM outbox WHERE key = ?", [key])
            def marks_first(db, mail):
                for key, order in db.execute("SELECT key, id FROM outbox").fetchall():
                    with db.atomic():
                        db.execute("DELETE FROM outbox WHERE key = ?", [key])
                    mail(order)
        """
    )
    result = judged(
        module.handle,
        job=module.sends_first if name == "effect-before-mark" else module.marks_first,
        outside=["mail"],
        schema="CREATE TABLE orders (id TEXT PRIMARY KEY); CREATE TABLE outbox (key TEXT, id TEXT)",
        messages=[{"id": "8", "order": "o1"}],
        claim={"one mail": lambda mail: len(mail) == 1},
        faults=1,
    )
    assert (result.mistake, result.line) == (name, 9 if name == "effect-before-mark" else 15), result.text()
    assert "the job" in result.sentence
    assert "At the end, after one more run of the job: " in " ".join(result.text().split())


def test_the_text_of_an_error_is_one_line(project: OwnProject) -> None:
    module = project.write(consumers="def handle(message, db): raise ValueError('first\\nsecond')")
    assert "(ValueError: first second)" in judged(module.handle).sentence


# -- never proved --------------------------------------------------------------------------------------------


def test_what_is_not_simulated_is_undetermined_with_its_name(project: OwnProject) -> None:
    module = project.write(
        consumers=f"""
            import threading
            def handle(message, db):
                threading.Thread(target=print).start()
                {CREDIT}
        """
    )
    result = judged(module.handle)
    assert (result.verdict, result.proved, result.line) == ("undetermined", False, 4)
    assert "threads" in result.sentence
    with pytest.raises(NotProved, match="UNDETERMINED"):
        check(module.handle, schema=SCHEMA, messages=[PAYMENT], claim=holds_100)


#: What is wrong with a call of `check`, by what is said.
BAD: dict[str, dict[str, Any]] = {
    "messages= has to be a list": {"messages": PAYMENT},
    "messages= is an empty list": {"messages": []},
    r"message 1 holds an object of type object: messages have to be plain data": {"messages": [{"x": object()}]},
    "there is no claim, so nothing could be wrong": {"claim": None},
    "the list of claims is empty": {"claim": []},
    "claim has to be a function that returns True or False": {"claim": 100},
    r'the claim "holds nothing" has to return True or False; it returned None': {
        "claim": {"holds nothing": lambda db: print(db["account"].count)}
    },
    r"the claim .* raised ZeroDivisionError": {"claim": lambda db: 1 / (db["account"].count - 1) == 0},
    r"the claim .* asserts instead": {"claim": "asserts"},
    r"the claim `True` looks at nothing": {"claim": lambda: True},
    r"the claim .* wants `nonsense`.* Name its parameters as these are named": {"claim": lambda nonsense: True},
    r"the claim `1 / 0` raised ZeroDivisionError": {"claim": lambda: 1 / 0},
    r"the claim .* raised OperationalError: no such table: nowhere": {"claim": lambda db: db["nowhere"].count == 1},
    r"the claim `None` has to return True or False; it returned None": {"claim": lambda: None},
    r'"x" has to count, that is to return an int; it returned None': {"claim": as_often_as(lambda: None, "x")},  # type: ignore[arg-type,return-value]
    r'messages= of "x" raised KeyError: \'no\'': {
        "claim": as_often_as(lambda db: db["account"].count, "x", lambda message: message["no"])
    },
    r'claim " later" is a coroutine function, and nobody awaits it': {"claim": "later"},
    'the schema fails with OperationalError: near "CREAT"': {"schema": "CREAT TABLE x"},
    r"It is SQL, not the name of a file: schema=Path\('schema.sql'\).read_text\(\)": {"schema": "schema.sql"},
    "schema wants `nonsense`.* Name its parameters as these are named": {"schema": lambda nonsense: None},
    "schema= takes SQL": {"schema": 5},
    "the schema fails with RuntimeError: no": {"schema": "raises"},
    "call has to take the handler and the message first": {"call": lambda handle: None},
    "call wants `banana`": {"call": lambda handle, message, banana: None},
    "calling the handler raised TypeError": {"call": lambda handle, message, db: handle()},
    "make= raised ZeroDivisionError": {
        "make": lambda handle: 1 / 0,
        "call": lambda made, message, db: made(message, db),
    },
    r"the job the lambda raises ZeroDivisionError: division by zero after a run in which nothing": {
        "job": lambda db: 1 / 0
    },
    "poison='9' names no message; there are 8": {"poison": ["9"]},
    "poison= takes the ids of messages": {"poison": 9},
    "seconds=0 has to be a number above 0": {"seconds": 0},
    "database= takes the path that the consumer opens": {"database": 8},
    r"project= takes names of packages, .* there is no package 'no_such_package'": {"project": ["no_such_package"]},
    "consumers=0 has to be a whole number from 1 to 4": {"consumers": 0},
    "faults=True has to be a whole number": {"faults": True},
    "bounds= takes redelivery.Bounds": {"bounds": 2},
    "outside= names other services": {"outside": [5]},
    "outside= names 'no.such.thing'": {"outside": ["no.such.thing"]},
    "there is nothing to search": {"call": lambda handle, message, db: None},
}


def _asserts(db: Any) -> bool:
    assert db["account"].count == 2
    return True


def _raises(db: Any) -> None:
    raise RuntimeError("no")


async def _later(db: Any) -> bool:
    return True


@pytest.mark.parametrize("said", BAD)
def test_bad_input_has_a_sentence_of_its_own(said: str, project: OwnProject) -> None:
    named = {"asserts": _asserts, "raises": _raises, "later": _later}
    given = {name: named.get(str(value), value) for name, value in BAD[said].items()}
    with pytest.raises(CannotCheck, match=said):
        judged(project.write(consumers=GOOD).handle, **given)


#: The same of handlers.
BAD_HANDLERS = {
    r"the handler handle\(\) wants `session_factory`": "def handle(message, session_factory): ...",
    r"the handler handle\(\) has to take the message first": "def handle(): ...",
    "is a generator": "def handle(message, db):\n    yield",
    r"inner is called and not awaited, so nothing of it is done: .*consumers.py:4. Write await": (
        "async def inner(): ...\nasync def handle(message, db):\n    db['account'].count\n    inner()"
    ),
    r"the handler Consumer.handle\(\) is a method, and there is no object": (
        "class Consumer:\n    def handle(self, message, db): ...\nhandle = Consumer.handle"
    ),
    "Consumer is a class: say how a message gets to it": "class Consumer: ...\nhandle = Consumer",
    r"`db` is a sqlite_utils.Database": "def handle(message, db):\n    db.cursor()",
    r"FILE in shop\d+.consumers holds .*TextIOWrapper.*can't be given afresh": (
        "FILE = open(__file__)\ndef handle(message, db):\n    FILE.read()"
    ),
    "the handler makes the table made itself": (
        "def handle(message, db):\n    db.execute('CREATE TABLE IF NOT EXISTS made (n)')\n"
        "    db.execute('INSERT INTO made VALUES (1)')"
    ),
    r"handle\(\) is not solved yet: it raises NotImplementedError. Write it first": (
        "def handle(message, db):\n    raise NotImplementedError"
    ),
}


@pytest.mark.parametrize("said", BAD_HANDLERS)
def test_a_handler_that_can_not_be_checked_has_a_sentence_of_its_own(said: str, project: OwnProject) -> None:
    module = project.write(consumers=BAD_HANDLERS[said])
    with pytest.raises(CannotCheck, match=said):
        judged(module.handle)


class _Thing: ...


@pytest.mark.parametrize(
    ("handler", "said"),
    [
        (5, "the handler has to be a function; it is of type int. Give the function itself"),
        ("shop.consumers:handle", "the handler has to be a function; it is of type str. Give the function itself"),
        (None, "the handler has to be a function; it is None"),
        (_Thing(), "the handler is an object of type _Thing, which can't be called: give its method"),
    ],
)
def test_a_handler_that_is_none(handler: Any, said: str) -> None:
    with pytest.raises(CannotCheck, match=said):
        judged(handler)


# -- documentation ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [m.name for m in pkgutil.iter_modules(library.__path__)] + ["", "simulation.message"])
def test_the_examples_in_docstrings_run(name: str) -> None:
    path = ("redelivery.library." + name if "." not in name else "redelivery." + name) if name else "redelivery"
    failed, _ = doctest.testmod(importlib.import_module(path))
    assert failed == 0


def test_everything_that_is_exported_is_there_and_documented() -> None:
    for name in redelivery.__all__:
        assert getattr(redelivery, name).__doc__, name
    assert (Path(redelivery.__file__).parent / "py.typed").exists()


def test_bounds_are_those_that_are_asked_for(project: OwnProject) -> None:
    module = project.write(consumers=GOOD)
    assert judged(module.handle, consumers=1, faults=0).report.bounds["consumers"] == 1
    assert judged(module.handle, bounds=Bounds(consumers=1, faults=1)).report.bounds["faults"] == 1


# -- one door ----------------------------------------------------------------------------------------------------

EXERCISES = Path(redelivery.__file__).parent / "exercises"
DEFINE_PARTS = [
    "delivery_guarantees.py",
    "idempotence.py",
    "later.py",
    "readers.py",
    "record_and_check.py",
    "unique_constraints.py",
    "values/batch.py",
    "values/confusion.py",
    "values/numbers.py",
    "values/texts.py",
    "version_preconditions.py",
]


def imports_of(path: Path) -> set[str]:
    """What a module of the package imports from it, with full names of modules."""
    package = ["redelivery", *path.relative_to(EXERCISES.parent).with_suffix("").parts]
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            found.add(".".join([*package[: len(package) - node.level], *(node.module or "").split(".")]).rstrip("."))
    return found


@pytest.mark.parametrize("name", DEFINE_PARTS)
def test_the_exercises_define_their_parts_by_the_public_door(name: str) -> None:
    among_them = {"redelivery.exercises." + one.removesuffix(".py").replace("/", ".") for one in DEFINE_PARTS}
    other_kinds = {"redelivery.exercises.break_it", "redelivery.exercises.claims"}  # parts in which nothing is searched
    behind = imports_of(EXERCISES / name) - among_them - other_kinds
    assert behind <= {"redelivery", "redelivery.scenarios"}


def test_every_exercise_is_defined_so() -> None:
    topics = {path.name for path in EXERCISES.glob("*.py") if "\nPARTS = " in path.read_text("utf-8")}
    assert topics and topics <= set(DEFINE_PARTS)


def test_check_and_the_exercises_are_searched_by_the_same_code(project: OwnProject) -> None:
    """An exercise's part as anybody would check it: the same counterexample."""
    from redelivery.exercises.record_and_check import RECORD_AND_CHECK
    from redelivery.simulation.program import Cell, SourceProgram

    source = (
        "def handle(message, db):\n"
        "    if db['processed'].count_where('message_id = ?', [message.id]):\n        return\n"
        "    db.execute('UPDATE account SET balance = balance + ? WHERE id = ?', "
        "[message.body['amount'], message.body['account']])\n"
        "    db['processed'].insert({'message_id': message.id})\n"
    )
    part = RECORD_AND_CHECK.check("05", SourceProgram([Cell("record_and_check", source)]))
    module = project.write(consumers=source)
    own = judged(module.handle, messages=[Message("8", {"account": 666, "amount": 100})])
    assert own.schedule == part.schedule is not None
    assert own.mistake == part.diagnosis.name  # type: ignore[union-attr]
