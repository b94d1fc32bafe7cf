"""A connection and a process as they are in life: what they did before is still there, and another one starts anew."""

from __future__ import annotations

import pytest

from redelivery.exercises.record_and_check import ONE, TWO
from redelivery.exploration.full import search_all
from redelivery.exploration.search import Search
from redelivery.exploration.verdict import Proved, Refuted
from redelivery.simulation import program as programs
from redelivery.simulation import world
from redelivery.simulation.guards import guarded
from redelivery.simulation.operations import SqlStatement
from redelivery.simulation.program import Cell, SourceProgram
from redelivery.simulation.sqlite_store import NO_PAST, Journal, Past, SqliteStore
from tests.agreement import JOURNALS, ONE_MESSAGE, TWO_MESSAGES, Agreed, Reach, compare
from tests.answers import Answer, answers
from tests.test_sqlite_store import do, prepare, rows

ALL = [answer for answer in answers("mutants") + answers("variants")]


def by_name(name: str) -> Answer:
    return next(answer for answer in ALL if answer.name == name)


# -- what a connection did before ----------------------------------------------------------------------------

#: Answers that look at it; the last ones are right.
LOOK_BACK = [
    "lastrowid_of_an_ignored_insert",
    "row_of_the_last_insert",
    "total_changes_above_zero",
    "changes_asked_in_sql",
    "total_changes_compared",
]


@pytest.mark.parametrize("past", [Past(5, 0, 2), Past(5, 1, 2), Past(-3, 4, 9)])
def test_a_connection_knows_its_past(past: Past) -> None:
    with SqliteStore(prepare, "wal") as store:
        store.begin("A", past=past)
        assert rows(store, "A", "SELECT last_insert_rowid(), changes()") == (past[:2],)
        do(store, "A", "INSERT OR IGNORE INTO t SELECT * FROM t")
        assert rows(store, "A", "SELECT last_insert_rowid(), changes()") == ((past.rowid, 0),)
        do(store, "A", "INSERT INTO t VALUES (77, 1)")
        assert rows(store, "A", "SELECT last_insert_rowid(), changes()") == ((77, 1),)


def test_nothing_is_known_of_another_run() -> None:
    """An insert that was ignored sets no row number: the one of an earlier run must not be seen."""
    ignored = ("INSERT OR IGNORE INTO t SELECT * FROM t", "SELECT last_insert_rowid()")
    with SqliteStore(prepare, "wal") as store:
        store.looked_back = True
        store.begin("A")
        first = do(store, "A", *ignored).told
        do(store, "A", "INSERT INTO t VALUES (77, 1)")
        store.restore(0)
        store.begin("A")
        assert do(store, "A", *ignored).told == first


@pytest.mark.parametrize(
    ("statements", "looks"),
    [
        (("SELECT changes()",), True),
        (("SELECT last_insert_rowid()",), True),
        (("INSERT OR IGNORE INTO t SELECT * FROM t", "SELECT changes()"), False),
        (("INSERT OR IGNORE INTO t SELECT * FROM t", "SELECT last_insert_rowid()"), True),
        (("INSERT INTO t VALUES (77, 1)", "SELECT last_insert_rowid()"), False),
        (("INSERT INTO t VALUES (77, 1) ON CONFLICT DO NOTHING",), False),
    ],
)
def test_only_who_looks_back_pays_for_it(statements: tuple[str, ...], looks: bool) -> None:
    """What this delivery did itself depends on nothing before it."""
    with SqliteStore(prepare, "wal") as store:
        store.begin("A")
        for sql in statements:
            store.execute("A", SqlStatement(sql))
        assert store.looked_back is looks


@pytest.mark.parametrize(
    "name", ["lastrowid_of_an_ignored_insert", "row_of_the_last_insert", "total_changes_above_zero"]
)
def test_what_a_connection_did_is_needed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a connection that is new for each delivery, what is left over from the one before never shows."""
    assert isinstance(Search(by_name(name).program(), ONE, "wal").run(), Refuted)
    monkeypatch.setattr(world.World, "_past_after", lambda self, process: NO_PAST)
    assert isinstance(Search(by_name(name).program(), ONE, "wal").run(), Proved)


@pytest.mark.parametrize("journal", JOURNALS)
@pytest.mark.parametrize("reach", [ONE_MESSAGE, TWO_MESSAGES], ids=str)
@pytest.mark.parametrize("name", LOOK_BACK)
def test_the_full_search_says_the_same(name: str, reach: Reach, journal: Journal) -> None:
    found = compare(by_name(name).program(), reach, journal, most_schedules=3_000, most_states=10_000, circles=False)
    assert isinstance(found, Agreed)


def test_who_never_looks_back_has_no_more_states() -> None:
    """The state says nothing of the past where nobody asks."""
    search = Search(by_name("or_ignore_rowcount").program(), TWO, "wal")
    assert isinstance(search.run(), Proved)
    assert not search.needs.past
    assert {p.past for step in search._steps for p in step.state.processes} == {NO_PAST}


def test_a_new_process_has_a_new_connection() -> None:
    """After a crash nothing is left over: whoever relies on the past finds none."""
    search = Search(by_name("total_changes_compared").program(), ONE, "wal")
    search.run(stop_at_first=False)
    crashed = [step for step in search._steps if step.choice is not None and step.choice.kind.name == "CRASH"]
    assert search.needs.past and crashed
    assert all(step.state.processes[step.choice.process].past == NO_PAST for step in crashed if step.choice)


# -- what a process drew when it started ---------------------------------------------------------------------

NAMED = """
import os
import random
import secrets
import socket
import time
import uuid

WORKER = [uuid.uuid4().hex, os.getpid(), socket.gethostname(), time.time(), secrets.token_hex(1), random.random()]


def handle(message, db):
    db.execute("INSERT INTO processed VALUES (?)", [f"{WORKER} {uuid.uuid4()}"])
"""


def worker(identity: int, source: str = NAMED) -> list[object]:
    """What the process with this identity drew."""
    with guarded():
        fresh = SourceProgram([Cell("test", source)]).fresh(identity)["handle"].__globals__["WORKER"]
    assert isinstance(fresh, list)
    return fresh


def test_processes_draw_otherwise_and_each_the_same_again() -> None:
    first, second, successor = worker(0), worker(1), worker(world.SUCCESSORS)
    assert first == worker(0)
    assert not set(first) & set(successor)
    differ = [one != other for one, other in zip(first, second, strict=True)]
    assert differ == [True, False, True, False, False, True]  # the process number, the time, and one byte are equal
    assert [one != other for one, other in zip(second, successor, strict=True)] == [True, True, False, True, True, True]


@pytest.mark.parametrize("slow", [0.0, 1e9])
def test_it_does_not_matter_how_long_a_cell_takes(slow: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Executed again or copied: a process has drawn the same."""
    wanted = [worker(identity) for identity in (0, 1, world.SUCCESSORS)]
    monkeypatch.setattr(programs, "_SLOW", slow)
    assert [worker(identity) for identity in (0, 1, world.SUCCESSORS)] == wanted


@pytest.mark.parametrize(
    ("source", "draws"),
    [
        ("import uuid\ndef handle(message, db): return uuid.uuid4()", False),
        ("import random\nrandom.seed(7)\nNUMBER = random.random()", False),
        ("import uuid\nWORKER = uuid.uuid4()", True),
        ("from time import time\nclass Worker:\n    started = time()", True),
    ],
)
def test_only_programs_that_draw_have_processes_told_apart(source: str, draws: bool) -> None:
    assert SourceProgram([Cell("test", source)]).draws is draws


@pytest.mark.parametrize("journal", JOURNALS)
@pytest.mark.parametrize("redeliveries", [0, 1])
def test_processes_told_apart_are_searched_in_full(journal: Journal, redeliveries: int) -> None:
    """Exchanging consumers loses no final state where each has a name, and neither does a restart."""
    bounds = ONE_MESSAGE.bounds._replace(redeliveries=redeliveries)
    code = SourceProgram([Cell("test", NAMED)])
    full = search_all(code, ONE, journal, bounds, most_schedules=5_000)
    assert full.complete
    for options in ({}, {"symmetry": False}, {"symmetry": False, "memory": False}):
        search = Search(code, ONE, journal, bounds, **options)
        search.run(stop_at_first=False)
        assert search.final_contents == full.finals


def test_a_successor_draws_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """If it drew what the killed one drew, a key that is made when the process starts would pass."""
    from redelivery.exercises.record_and_check import REQUEST_ONCE

    answer = by_name("one_key_for_the_process")
    assert isinstance(Search(answer.program(), REQUEST_ONCE.scenarios[0], "wal").run(), Refuted)
    monkeypatch.setattr(world.World, "_new_memory", lambda self, state: 0)
    assert isinstance(Search(answer.program(), REQUEST_ONCE.scenarios[0], "wal").run(), Proved)
