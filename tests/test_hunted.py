"""Answers that a second reader thought of: right ones in odd styles are proved, wrong ones in odd ways refuted.

In the sources ``@CREDIT`` stands for the update of the account, ``@ONCE`` for a right claim
and credit in one transaction, ``@LOOK_FIRST`` for a look, mark and credit in a deferred one.
"""

from __future__ import annotations

import linecache
import os

import pytest

from redelivery.checking.part import Report
from redelivery.exercises.record_and_check import NAME, RECORD_AND_CHECK
from redelivery.simulation.guards import guarded
from redelivery.simulation.program import Cell, FunctionProgram, SourceProgram

_CREDIT = (
    'db.execute("UPDATE account SET balance = balance + ? WHERE id = ?", '
    '[message.body["amount"], message.body["account"]])'
)
_ONCE = [
    "with db.atomic():",
    '    if db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id]).rowcount:',
    "        @CREDIT",
]
_LOOK_FIRST = [
    "with db.atomic():",
    '    if db["processed"].count_where("message_id = ?", [message.id]):',
    "        return",
    '    db["processed"].insert({"message_id": message.id})',
    "    @CREDIT",
]
SECONDS = 60.0
"""For each of six searches; none of these answers needs one."""


def expand(source: str) -> str:
    """Put in what the @-words stand for, at their indentation."""
    lines: list[str] = []
    for line in source.strip("\n").split("\n"):
        word = line.strip()
        block = {"@ONCE": _ONCE, "@LOOK_FIRST": _LOOK_FIRST}.get(word, [word])
        indent = line[: len(line) - len(line.lstrip())]
        lines += [indent + each for each in block]
    return "\n".join(lines).replace("@CREDIT", _CREDIT) + "\n"


def answers(text: str) -> dict[str, str]:
    """Name → source, from sections that begin with ``### name``."""
    sections = (section.partition("\n") for section in text.split("\n### ")[1:])
    return {name.strip(): expand(source) for name, _, source in sections}


def check(source: str) -> Report:
    """As `redelivery check` does, but impatient."""
    with guarded():
        program = SourceProgram([Cell("record_and_check", source)])
    assert not program.errors, program.errors
    return RECORD_AND_CHECK.check(NAME, program, SECONDS)


def check_live(name: str, source: str) -> Report:
    """As a notebook does: the function itself is handed over."""
    file = f"<hunted {name}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    space: dict[str, object] = {"__name__": "__main__"}
    exec(compile(source, file, "exec", dont_inherit=True), space)
    return RECORD_AND_CHECK.check(NAME, FunctionProgram({"handle": space["handle"]}), SECONDS)  # type: ignore[dict-item]


RIGHT = answers('''
### own_table_with_current_timestamp
def handle(message, db):
    with db.conn:
        db.conn.execute("BEGIN IMMEDIATE")
        db.conn.execute("CREATE TABLE IF NOT EXISTS seen (id TEXT PRIMARY KEY, at TEXT DEFAULT CURRENT_TIMESTAMP)")
        if db.conn.execute("INSERT OR IGNORE INTO seen (id) VALUES (?)", [message.id]).rowcount:
            @CREDIT
### own_table_with_datetime_now
from datetime import datetime
def handle(message, db):
    with db.atomic():
        db.execute("CREATE TABLE IF NOT EXISTS seen (id TEXT PRIMARY KEY, at TEXT)")
        if db.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", [message.id, datetime.now().isoformat()]).rowcount:
            @CREDIT
### own_table_with_time
import time
def handle(message, db):
    with db.atomic():
        db.execute("CREATE TABLE IF NOT EXISTS seen (id TEXT PRIMARY KEY, at REAL)")
        if db.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", [message.id, time.time()]).rowcount:
            @CREDIT
### own_table_with_uuid
import uuid
def handle(message, db):
    with db.atomic():
        db.execute("CREATE TABLE IF NOT EXISTS journal (entry TEXT PRIMARY KEY, message TEXT UNIQUE)")
        if db.execute("INSERT OR IGNORE INTO journal VALUES (?, ?)", [uuid.uuid4().hex, message.id]).rowcount:
            @CREDIT
### name_of_this_worker
import uuid
WORKER = str(uuid.uuid4())
def handle(message, db):
    with db.atomic():
        db.execute("CREATE TABLE IF NOT EXISTS journal (message TEXT PRIMARY KEY, who TEXT)")
        if db.execute("INSERT OR IGNORE INTO journal VALUES (?, ?)", [message.id, WORKER]).rowcount:
            @CREDIT
### table_made_outside_the_transaction
def prepare(db):
    db.execute("CREATE TABLE IF NOT EXISTS done (id TEXT PRIMARY KEY)")
def handle(message, db):
    prepare(db)
    with db.atomic():
        if db.execute("INSERT OR IGNORE INTO done VALUES (?)", [message.id]).rowcount:
            @CREDIT
### index_and_view
def handle(message, db):
    with db.atomic():
        db.execute("CREATE UNIQUE INDEX IF NOT EXISTS one_each ON processed (message_id)")
        db.execute("CREATE VIEW IF NOT EXISTS done AS SELECT message_id FROM processed")
        if db.execute("SELECT 1 FROM done WHERE message_id = ?", [message.id]).fetchone():
            return
        db.execute("INSERT INTO processed VALUES (?)", [message.id])
        @CREDIT
### trigger_made_in_the_handler
def handle(message, db):
    b = message.body
    with db.atomic():
        db.execute("CREATE TABLE IF NOT EXISTS booking (id TEXT PRIMARY KEY, account INTEGER, amount INTEGER)")
        db.execute("""CREATE TRIGGER IF NOT EXISTS book AFTER INSERT ON booking BEGIN
            UPDATE account SET balance = balance + new.amount WHERE id = new.account; END""")
        db.execute("INSERT OR IGNORE INTO booking VALUES (?, ?, ?)", [message.id, b["account"], b["amount"]])
### column_added_to_account
def handle(message, db):
    with db.atomic():
        if "note" not in db["account"].columns_dict:
            db["account"].add_column("note", str)
        if db.execute("INSERT OR IGNORE INTO processed (message_id) VALUES (?)", [message.id]).rowcount:
            @CREDIT
### savepoints_by_hand
def handle(message, db):
    c = db.conn
    c.isolation_level = None
    c.execute("BEGIN IMMEDIATE")
    try:
        c.execute("SAVEPOINT claim")
        n = c.execute("INSERT OR IGNORE INTO processed VALUES (?)", (message.id,)).rowcount
        c.execute("SAVEPOINT effect")
        @CREDIT
        if not n:
            c.execute("ROLLBACK TO effect")
        c.execute("RELEASE claim")
        c.execute("COMMIT")
    except BaseException:
        if c.in_transaction:
            c.execute("ROLLBACK")
        raise
### row_factory
import sqlite3
def handle(message, db):
    db.conn.row_factory = sqlite3.Row
    with db.conn as c:
        c.execute("BEGIN IMMEDIATE")
        row = c.execute("SELECT count(*) AS n FROM processed WHERE message_id = :id", {"id": message.id}).fetchone()
        if row["n"]:
            return
        c.execute("INSERT INTO processed (message_id) VALUES (:id)", {"id": message.id})
        c.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", message.body)
### tries_for_ever_with_backoff_and_jitter
import random
import sqlite3
import time
def handle(message, db):
    delay = 0.01
    while True:
        try:
            db.conn.execute("BEGIN IMMEDIATE")
            break
        except sqlite3.OperationalError:
            time.sleep(delay + random.random() * delay)
            delay = min(delay * 2, 1)
    try:
        if not db.conn.execute("SELECT 1 FROM processed WHERE message_id=?", [message.id]).fetchone():
            db.conn.execute("INSERT INTO processed VALUES (?)", [message.id])
            @CREDIT
        db.conn.commit()
    finally:
        db.conn.rollback()
### sleeps_between_tries
import sqlite3
from time import sleep
def handle(message, db):
    for n in range(3):
        try:
            @ONCE
            return
        except sqlite3.OperationalError:
            if n == 2:
                raise
            sleep(2.5)
### condition_acquired_by_hand
import threading
guard = threading.Condition()
def handle(message, db):
    guard.acquire()
    try:
        @ONCE
    finally:
        guard.release()
### lock_per_message
import threading
from collections import defaultdict
locks = defaultdict(threading.Lock)
def handle(message, db):
    with locks[message.id]:
        @ONCE
### counts_what_it_did
import collections
stats = collections.Counter()
def handle(message, db):
    stats["seen"] += 1
    @LOOK_FIRST
### history_of_deliveries
history = []
def handle(message, db):
    history.append(message.id)
    @LOOK_FIRST
### cached_sql_and_lock_error_raised
import functools
@functools.cache
def insert_into(table):
    return f"INSERT INTO {table} VALUES (?)"
def handle(message, db):
    with db.atomic():
        if db["processed"].count_where("message_id = ?", [message.id]):
            return
        db.execute(insert_into("processed"), [message.id])
        @CREDIT
### attributes_by_getattr
class Config:
    def __init__(self):
        self.data = {"table": "processed"}
    def __getattr__(self, name):
        return self.data[name]
config = Config()
def handle(message, db):
    with db.atomic():
        if db.execute(f"INSERT OR IGNORE INTO {config.table} VALUES (?)", [message.id]).rowcount:
            @CREDIT
### underscore_constant_beside_vars
_INSERT = "INSERT OR IGNORE INTO processed VALUES (?)"
class Payment:
    def __init__(self, message):
        self.id = message.id
def handle(message, db):
    values = vars(Payment(message))
    with db.atomic():
        if db.execute(_INSERT, [values["id"]]).rowcount:
            @CREDIT
### partial_in_a_slow_cell
import functools
for _ in range(400_000):
    pass
def credit(table, message, db):
    with db.atomic():
        if db.execute(f"INSERT OR IGNORE INTO {table} VALUES (?)", [message.id]).rowcount:
            @CREDIT
handle = functools.partial(credit, "processed")
### coroutine_run_to_its_end
import asyncio
async def work(message, db):
    @ONCE
def handle(message, db):
    asyncio.run(work(message, db))
### redirected_output
import contextlib
import io
def handle(message, db):
    with contextlib.redirect_stdout(io.StringIO()) as out:
        print("hello")
        @ONCE
        print("bye")
    assert out.getvalue() == "hello\\nbye\\n"
### timeout_by_alarm
import signal
def handle(message, db):
    signal.signal(signal.SIGALRM, lambda *_: None)
    signal.alarm(5)
    try:
        @ONCE
    finally:
        signal.alarm(0)
### ignored_alarm
import signal
def handle(message, db):
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    signal.setitimer(signal.ITIMER_REAL, 5)
    @ONCE
### every_error_tried_again
def handle(message, db):
    while True:
        try:
            @ONCE
            return
        except Exception:
            pass
### linked_list_in_memory
class Node:
    def __init__(self, after):
        self.after = after
head = None
for _ in range(500):
    head = Node(head)
def handle(message, db):
    head.after
    @ONCE
### hash_of_its_own
class Key:
    def __init__(self, text):
        self.text = text
    def __eq__(self, other):
        return self.text == other.text
    def __hash__(self):
        return hash(("key", self.text))
known = {Key("account"): "account"}
def handle(message, db):
    table = known[Key("account")]
    assert hash(table) == hash("account") and hash(7) == 7 and hash((1, 2)) == hash((1, 2))
    @ONCE
### dataclass_as_key
from dataclasses import dataclass
@dataclass(frozen=True)
class Payment:
    account: int
    amount: str
seen = {Payment(1, "x"): 0}
def handle(message, db):
    seen[Payment(1, "x")] += 1
    assert len(seen) == 1
    @ONCE
### process_number_beside_the_mark
import os
def handle(message, db):
    with db.atomic():
        db.execute("CREATE TABLE IF NOT EXISTS journal (message TEXT PRIMARY KEY, who INTEGER)")
        if db.execute("INSERT OR IGNORE INTO journal VALUES (?, ?)", [message.id, os.getpid()]).rowcount:
            assert os.getpid() == os.getpid()
            @CREDIT
### thread_local_and_context_variable
import contextvars
import threading
local = threading.local()
current = contextvars.ContextVar("current")
def handle(message, db):
    local.message = message
    current.set(message.id)
    @ONCE
''')

_LOOKS = "the fingerprint calls the learner's __getattr__, whose KeyError comes through as our traceback"
_DEEP = "RecursionError in the fingerprint or the copier"
_UNDERSCORE = "beside globals, eval, exec or vars the globals that begin with _ are not followed"
_IDS = "the ids tried have two plain characters at most: none with a blank, a quote, a wildcard, an anagram, or more"
RIGHT_FAILS: dict[str, str] = {}
RIGHT_LIVE_FAILS: dict[str, str] = {
    "linked_list_in_memory": _DEEP,
}

WRONG = answers("""
### memory_on_db
def handle(message, db):
    seen = db.__dict__.setdefault("seen", set())
    if message.id in seen:
        return
    seen.add(message.id)
    @ONCE
### memory_on_the_connection
def handle(message, db):
    seen = db.conn.__dict__.setdefault("seen", set())
    if message.id in seen:
        return
    seen.add(message.id)
    @ONCE
### memory_in_underscore_global_beside_vars
_seen = set()
def handle(message, db):
    vars
    if message.id in _seen:
        return
    _seen.add(message.id)
    @ONCE
### memory_in_globals
def handle(message, db):
    seen = globals().setdefault("_seen", set())
    if message.id in seen:
        return
    seen.add(message.id)
    @ONCE
### memory_in_context_variable
import contextvars
seen = contextvars.ContextVar("seen", default=())
def handle(message, db):
    if message.id in seen.get():
        return
    seen.set((*seen.get(), message.id))
    @ONCE
### memory_in_annotations
def note(): ...
def handle(message, db):
    if message.id in note.__annotations__:
        return
    note.__annotations__[message.id] = True
    @ONCE
### memory_in_object_with_own_state
class Seen:
    def __init__(self):
        self.ids = set()
    def __getstate__(self):
        return {}
seen = Seen()
def handle(message, db):
    if message.id in seen.ids:
        return
    seen.ids.add(message.id)
    @ONCE
### memory_in_logger
import logging
log = logging.getLogger("payments of this consumer")
log.seen = set()
def handle(message, db):
    if message.id in log.seen:
        return
    log.seen.add(message.id)
    @ONCE
### memory_in_a_generator
def remember():
    seen, answer = set(), None
    while True:
        key = yield answer
        answer = key in seen
        seen.add(key)
memory = remember()
next(memory)
def handle(message, db):
    if memory.send(message.id):
        return
    @ONCE
### memory_in_a_closed_over_method
seen = []
note, known = seen.append, seen.__contains__
del seen
def handle(message, db):
    if known(message.id):
        return
    note(message.id)
    @ONCE
### memory_in_sqlite_in_memory
import sqlite3
own = sqlite3.connect(":memory:")
own.execute("CREATE TABLE seen (id)")
def handle(message, db):
    if own.execute("SELECT 1 FROM seen WHERE id = ?", [message.id]).fetchone():
        return
    own.execute("INSERT INTO seen VALUES (?)", [message.id])
    @ONCE
### hash_as_key
def handle(message, db):
    with db.atomic():
        if db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [str(hash(message.id))]).rowcount:
            @CREDIT
### process_number_in_key
import os
def handle(message, db):
    with db.atomic():
        if db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [f"{os.getpid()}:{message.id}"]).rowcount:
            @CREDIT
### first_two_characters
def handle(message, db):
    with db.atomic():
        if db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id[:2]]).rowcount:
            @CREDIT
### stripped_key
def handle(message, db):
    with db.atomic():
        if db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id.strip()]).rowcount:
            @CREDIT
### sorted_key
def handle(message, db):
    with db.atomic():
        if db.execute("INSERT OR IGNORE INTO processed VALUES (?)", ["".join(sorted(message.id))]).rowcount:
            @CREDIT
### quoted_by_hand
def handle(message, db):
    with db.atomic():
        if db.execute(f"INSERT OR IGNORE INTO processed VALUES ('{message.id}')").rowcount:
            @CREDIT
### gives_up_after_five_tries
import sqlite3
def handle(message, db):
    for _ in range(5):
        try:
            @ONCE
            return
        except sqlite3.OperationalError:
            pass
### gives_up_after_ten_tries
import sqlite3
import time
def handle(message, db):
    for _ in range(10):
        try:
            @ONCE
            return
        except sqlite3.OperationalError:
            time.sleep(0.1)
### gives_up_at_the_fifth_attempt
def handle(message, db):
    if message.attempt >= 5:
        return
    @LOOK_FIRST
### row_number_of_an_earlier_delivery
def handle(message, db):
    with db.atomic():
        db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id])
        if db.execute("SELECT last_insert_rowid()").fetchone()[0]:
            @CREDIT
### keeps_three_marks
def handle(message, db):
    @ONCE
    db.execute("DELETE FROM processed WHERE rowid <= (SELECT max(rowid) - 3 FROM processed)")
### never_below_nothing
def handle(message, db):
    b = message.body
    with db.atomic():
        if db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id]).rowcount:
            db.execute("UPDATE account SET balance = max(balance + ?, 0) WHERE id = ?", [b["amount"], b["account"]])
### account_dropped
def handle(message, db):
    db.execute("DROP TABLE account")
### reads_one_key_and_marks_another
def handle(message, db):
    with db.atomic():
        if db.execute("SELECT 1 FROM processed WHERE message_id = ?", [message.id]).fetchone():
            return
        @CREDIT
        db.execute("INSERT OR IGNORE INTO processed VALUES (?)", ["done " + message.id])
""")
#: Not refuted, and not proved either.
UNDETERMINED: dict[str, str] = {}
WRONG_FAILS: dict[str, str] = {}


def _params(sources: dict[str, str], failing: dict[str, str]) -> list[object]:
    assert set(failing) <= set(sources)
    return [
        pytest.param(
            name, id=name, marks=[pytest.mark.xfail(strict=True, reason=failing[name])] if name in failing else []
        )
        for name in sources
    ]


#: Like another one that is there, and ten seconds long.
LONG = () if os.environ.get("REDELIVERY_SOAK") else ("history_of_deliveries",)


@pytest.mark.parametrize("name", _params({n: s for n, s in RIGHT.items() if n not in LONG}, RIGHT_FAILS))
def test_a_right_answer_is_proved(name: str) -> None:
    report = check(RIGHT[name])
    assert report.verdict.name == "proved", str(report)


#: Of those that pass in a cell, `make test` takes every third as a function too, `make soak` all.
FEWER = [name for name in RIGHT if name not in RIGHT_LIVE_FAILS][:: 1 if os.environ.get("REDELIVERY_SOAK") else 3]
LIVE = {n: source for n, source in RIGHT.items() if n in RIGHT_LIVE_FAILS or (n in FEWER and n not in LONG)}


@pytest.mark.parametrize("name", _params(LIVE, RIGHT_LIVE_FAILS))
def test_a_right_answer_handed_over_as_a_function_is_proved(name: str) -> None:
    report = check_live(name, RIGHT[name])
    assert report.verdict.name == "proved", str(report)


@pytest.mark.parametrize("name", _params(WRONG, WRONG_FAILS))
def test_a_wrong_answer_is_refuted(name: str) -> None:
    report = check(WRONG[name])
    expected = ("undetermined",) if name in UNDETERMINED else ("refuted", "stuck")
    assert report.verdict.name in expected, str(report)
