"""An oracle that shares nothing with the checker: Promela models of the rules, enumerated by SPIN.

The models in `tests/oracle` are written from the rules of the course (`queue.pml`) and from what SQLite says of its
locks (`database.pml`). SPIN prints what every reachable end of a run leaves behind; the search must come to exactly
these contents, within the same bounds and in both journal modes. In the models every statement is a step, a deferred
BEGIN too, and nothing is remembered or exchanged, so that what the search leaves out is counted there.
"""

from __future__ import annotations

import functools
import re
import shutil
import sqlite3
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pytest

from redelivery.exercises.record_and_check import ONE, TWO
from redelivery.exploration.scenario import Scenario
from redelivery.exploration.search import Search
from redelivery.simulation.program import Cell, SourceProgram
from redelivery.simulation.sqlite_store import Contents, Journal, rows_of
from redelivery.simulation.world import Bounds
from tests.agreement import SOAK

MODELS = Path(__file__).parent / "oracle"
MISSING = [tool for tool in ("spin", "gcc") if shutil.which(tool) is None]
pytestmark = pytest.mark.skipif(
    bool(MISSING), reason=f"the oracle needs {' and '.join(MISSING)}, not found here (sudo apt install spin gcc)"
)
JOURNALS: tuple[Journal, ...] = ("wal", "rollback")
KINDS = ("crashes", "lost_acks", "redeliveries", "lock_timeouts")
"""The faults in the order in which the models print them."""

# -- asking SPIN --------------------------------------------------------------------------------------------


class End(NamedTuple):
    """The end of a run: what run it was, the faults that it took (in the order of `KINDS`), and what it left behind:
    the dead letters (as bits), and what the model prints."""

    handler: tuple[int, ...]
    journal: str
    messages: int
    faults: tuple[int, ...]
    contents: tuple[int, ...]


class Change(NamedTuple):
    """A text in one of the models, and what stands there instead."""

    file: str
    old: str
    new: str


_FINAL = re.compile(r"^final: handler ([\d ]+), wal (\d), messages (\d), faults (\d \d \d \d), (.*)$", re.MULTILINE)


@functools.cache
def ends_of(model: str, most_faults: int = 3, change: Change | None = None) -> frozenset[End]:
    """Every end that a model has. SPIN's own reductions are off: no partial orders, no hidden variables."""
    with tempfile.TemporaryDirectory(prefix="redelivery-oracle-") as name:
        folder = Path(name)
        for path in MODELS.glob("*.pml"):
            text = path.read_text(encoding="utf-8")
            if change is not None and path.name == change.file:
                assert text.count(change.old) == 1, f"{change.old!r} does not stand in {path.name} once"
                text = text.replace(change.old, change.new)
            (folder / path.name).write_text(text, encoding="utf-8")
        printed = ""
        for command in (
            ["spin", "-o2", "-o3", f"-DFAULTS={most_faults}", "-a", f"{model}.pml"],
            ["gcc", "-O1", "-DSAFETY", "-DNOREDUCE", "-DPRINTF", "-w", "-o", "pan", "pan.c"],
            ["./pan", "-n", "-m10000", "-w20"],
        ):
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
            printed = done.stdout
            assert done.returncode == 0, f"{' '.join(command)}\n{printed[-2000:]}\n{done.stderr[-2000:]}"
    assert "errors: 0" in printed, f"the model has a dead end:\n{printed[-2000:]}"
    assert "max search depth too small" not in printed
    return frozenset(
        End(
            tuple(map(int, handler.split())),
            "wal" if wal == "1" else "rollback",
            int(messages),
            tuple(map(int, faults.split())),
            tuple(int(number) for number in re.findall(r"\d+", contents)),
        )
        for handler, wal, messages, faults, contents in _FINAL.findall(printed)
    )


# -- handlers and their models ------------------------------------------------------------------------------

CREDIT = """
    db.execute("UPDATE account SET balance = balance + 100 WHERE id = 666")"""
MARK = """
    db.execute("INSERT INTO processed VALUES (?)", [message.id])"""
LOOK = """
    if db.execute("SELECT 1 FROM processed WHERE message_id = ?", [message.id]).fetchone():
        return"""
RACE = """
def handle(message, db):
    db.conn.isolation_level = {isolation_level!r}"""
TRANSACTION = """
import sqlite3

def handle(message, db):
    for tries_left in reversed(range({most_tries})):
        try:
            return once(message, db)
        except sqlite3.OperationalError:
            if db.conn.in_transaction:
                db.execute("ROLLBACK")
            if not tries_left:
                {at_last}

def once(message, db):
    db.execute("{begin}")"""
LOOK_INSIDE = """
    if db.execute("SELECT 1 FROM processed WHERE message_id = ?", [message.id]).fetchone():
        db.execute("ROLLBACK")
        return"""
MARK_INSIDE = """
    try:
        db.execute("INSERT INTO processed VALUES (?)", [message.id])
    except sqlite3.IntegrityError:
        db.execute("ROLLBACK")
        return"""
COMMIT = """
    db.execute("COMMIT")"""
TRACE = """
def handle(message, db):
    db.conn.isolation_level = None
    db.execute("INSERT INTO diary (message_id, what) VALUES (?, 1)", [message.id])
    {then}"""
SECOND_ROW = 'db.execute("INSERT INTO diary (message_id, what) VALUES (?, 2)", [message.id])'


@dataclass(frozen=True)
class Case:
    """A handler and the model of it: ``flags`` are the values of the model's variables, in the order printed."""

    name: str
    model: str
    flags: tuple[int, ...]
    source: str

    def wanted(
        self, scenario: Scenario, journal: Journal, bounds: Bounds, change: Change | None = None
    ) -> set[tuple[int, ...]]:
        """What SPIN finds at the ends of runs within ``bounds``: those that took no more faults, since a fault once
        taken stays so."""
        return {
            end.contents
            for end in ends_of(self.model, 3 if change is None else 2, change)
            if end[:3] == (self.flags, journal, len(scenario.messages))
            and sum(end.faults) <= bounds.faults
            and all(used <= getattr(bounds, kind) for used, kind in zip(end.faults, KINDS, strict=True))
        }

    def found(self, scenario: Scenario, journal: Journal, bounds: Bounds) -> set[tuple[int, ...]]:
        """What the checker finds there."""
        ids = [identity for identity, _ in scenario.messages]
        diary = self.model == "trace"
        if diary:
            scenario = Scenario("a diary", "handle", scenario.messages, _begin_diary, lambda contents: None)
        program = SourceProgram([Cell("handler", self.source + "\n")])
        assert not program.errors
        search = Search(program, scenario, journal, bounds=bounds)
        assert search.run(stop_at_first=False).name in ("proved", "refuted", "stuck")
        return {
            (_bits(contents, "dead letters", ids), *(_diary if diary else _account)(contents, ids))
            for contents in search.final_contents
        }

    def __str__(self) -> str:
        return self.name


def _begin_diary(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE diary (n INTEGER PRIMARY KEY, message_id TEXT, what INTEGER)")


def _diary(contents: Contents, ids: list[str]) -> tuple[int, ...]:
    """Each row as `trace.pml` prints it."""
    return tuple(10 * (ids.index(str(row[1])) + 1) + int(str(row[2])) for row in rows_of(contents, "diary"))


def _account(contents: Contents, ids: list[str]) -> tuple[int, ...]:
    """How often account 666 was credited, and the marks as bits: as `database.pml` prints it."""
    ((_, balance),) = rows_of(contents, "account")
    assert isinstance(balance, int)
    return balance // 100, _bits(contents, "processed", ids)


def _bits(contents: Contents, table: str, ids: list[str]) -> int:
    """The messages in a table, as bits."""
    return sum(1 << ids.index(str(row[-1])) for row in rows_of(contents, table))


def _race(name: str, *, look_first: bool = False, mark_first: bool = False, commit_apart: bool = False) -> Case:
    source = RACE.format(isolation_level="" if commit_apart else None)
    source += LOOK if look_first else ""
    source += MARK + CREDIT if mark_first else CREDIT + MARK
    return Case(name, "race", (look_first, mark_first, commit_apart), source)


def _transaction(
    name: str, *, check_first: bool = False, immediate: bool = False, swallow: bool = False, most_tries: int = 1
) -> Case:
    source = TRANSACTION.format(
        most_tries=most_tries,
        at_last="return" if swallow else "raise",
        begin="BEGIN IMMEDIATE" if immediate else "BEGIN",
    )
    source += LOOK_INSIDE + CREDIT + MARK if check_first else MARK_INSIDE + CREDIT
    return Case(name, "transaction", (check_first, immediate, swallow, most_tries), source + COMMIT)


def _trace(name: str, *, raises: bool = False) -> Case:
    return Case(name, "trace", (raises,), TRACE.format(then="raise ValueError" if raises else SECOND_ROW))


LECTURE = _race("the lecture's race", look_first=True)
UPGRADE = _transaction("check first, an error swallowed", check_first=True, swallow=True)
TRIES = _transaction("check first, three tries, then swallowed", check_first=True, swallow=True, most_tries=3)
DIARY = _trace("a diary")
RAISING = _trace("a diary that ends in an exception", raises=True)
CASES = [
    LECTURE,
    _race("the race with commits apart", look_first=True, commit_apart=True),
    _race("look, mark, credit", look_first=True, mark_first=True),
    _race("credit, mark"),
    _race("mark, credit", mark_first=True),
    _race("mark, credit, commits apart", mark_first=True, commit_apart=True),
    _transaction("mark first"),
    _transaction("mark first, immediate", immediate=True),
    _transaction("mark first, an error swallowed", swallow=True),
    _transaction("mark first, immediate, three tries, then swallowed", immediate=True, swallow=True, most_tries=3),
    _transaction("check first", check_first=True),
    _transaction("check first, immediate, an error swallowed", check_first=True, immediate=True, swallow=True),
    UPGRADE,
    TRIES,
    DIARY,
    RAISING,
]
EACH_ALONE = [Bounds(faults=1, **{**dict.fromkeys(KINDS, 0), kind: 1}) for kind in KINDS]
UP_TO_TWO = [Bounds(faults=faults) for faults in range(3)]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_search_comes_to_the_ends_that_spin_enumerates(case: Case) -> None:
    for journal in JOURNALS:
        for bounds in [*EACH_ALONE, *UP_TO_TWO, Bounds(faults=3)] if SOAK else [*EACH_ALONE, Bounds(faults=2)]:
            assert case.found(ONE, journal, bounds) == case.wanted(ONE, journal, bounds), f"{journal}, {bounds}"


@pytest.mark.parametrize("case", CASES, ids=str)
def test_also_with_two_messages_at_once(case: Case) -> None:
    """Both are at work from the start, so locks are met without any fault."""
    for journal in JOURNALS:
        for bounds in [*EACH_ALONE, *UP_TO_TWO] if SOAK else [Bounds(faults=1)]:
            assert case.found(TWO, journal, bounds) == case.wanted(TWO, journal, bounds), f"{journal}, {bounds}"


# -- the oracle can fail ------------------------------------------------------------------------------------

WRONG_RULES = {
    "acknowledging a superseded delivery counts": (
        _race("credit, mark"),
        ONE,
        Change(
            "queue.pml",
            "at[me] == RETURNED -> /* acknowledged; ignored, where the queue has delivered it again */",
            """at[me] == RETURNED ->
            if
            :: !current[me] && ready ?? [eval(message[me])] -> ready ?? eval(message[me])
            :: !current[me] && at[other] != IDLE && message[other] == message[me] -> current[other] = false
            :: else
            fi;""",
        ),
    ),
    "a returned message goes to the front": (
        DIARY,
        TWO,
        Change("queue.pml", "be it the same consumer */\n    ready ! message[me]", "*/ to_the_front(message[me])"),
    ),
    "two exceptions are too many": (RAISING, ONE, Change("queue.pml", "== 3 -> dead", "== 2 -> dead")),
    "a taken lock refuses at once": (
        _transaction("mark first, an error swallowed", swallow=True),
        ONE,
        Change("database.pml", "WRITES -> outcome = BLOCKED", "WRITES -> outcome = LOCKED"),
    ),
    "an old snapshot may write": (
        _transaction("check first", check_first=True),
        TWO,
        Change("database.pml", "old[other] = (wal && lock[other] == READS)", "skip"),
    ),
    "a commit does not wait for readers": (
        UPGRADE,
        TWO,
        Change("database.pml", "!wal && lock[me] >= WRITES && lock[other] == READS ->", "false ->"),
    ),
}


@pytest.mark.parametrize("rule", WRONG_RULES)
def test_a_model_with_a_wrong_rule_has_other_ends(rule: str) -> None:
    """So the comparison above would notice if the checker followed it."""
    case, scenario, change = WRONG_RULES[rule]
    assert any(
        case.wanted(scenario, journal, bounds, change) != case.found(scenario, journal, bounds)
        for journal in JOURNALS
        for bounds in [*EACH_ALONE, *UP_TO_TWO]
    )
