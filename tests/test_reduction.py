"""The reduced search reaches the same final states as a full one, and each part of its state is needed."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import pytest

from redelivery.checking.handler_part import HandlerPart
from redelivery.exercises.catalogue import part_of
from redelivery.exercises.record_and_check import ONE, TWO
from redelivery.exploration.full import search_all
from redelivery.exploration.reduction import RememberedEffects
from redelivery.exploration.scenario import Scenario
from redelivery.exploration.schedule import cost_of
from redelivery.exploration.search import Search
from redelivery.exploration.transitions import Packed, Transitions
from redelivery.exploration.verdict import Proved, Refuted, Stuck
from redelivery.simulation import process
from redelivery.simulation.hosts import LocalHost
from redelivery.simulation.program import Cell, SourceProgram
from redelivery.simulation.sqlite_store import Journal
from redelivery.simulation.world import Bounds
from tests.answers import Answer, answers

SOAK = bool(os.environ.get("REDELIVERY_SOAK"))

JOURNALS: tuple[Journal, ...] = ("wal", "rollback")
ALL = answers("mutants") + answers("variants")
#: Handlers that try again without end have no bound on a schedule's length.
ENDLESS = {"endless_tries_in_one_transaction", "tries_until_done_deferred", "tries_until_done"}
#: Half a minute for its search without memory.
LONG = {"table_made_by_insert"}
#: Every third answer of the hardest part, and of the others every twelfth; all of all with REDELIVERY_SOAK.
ANSWERS = [
    answer
    for number, answer in enumerate(answer for answer in ALL if answer.name not in ENDLESS)
    if SOAK or (number % (3 if answer.part == "record_and_check" else 12) == 0 and answer.name not in LONG)
]


def by_name(name: str) -> Answer:
    return next(answer for answer in ALL if answer.name == name and answer.part == "record_and_check")


def smallest(answer: Answer) -> Scenario:
    """The first scenario of the answer's part, on the tables that the answer makes."""
    part = part_of(answer.exercise, answer.part)
    assert isinstance(part, HandlerPart)
    started = part.opened(answer.program())
    assert isinstance(started, HandlerPart)
    return replace(started.scenarios[0], forbids=None)  # which would end a run early


def program(source: str) -> SourceProgram:
    return SourceProgram([Cell("test", source)])


def finals(
    code: SourceProgram, scenario: Scenario, journal: Journal, bounds: Bounds, **options: bool
) -> tuple[str, frozenset[Any]]:
    search = Search(code, scenario, journal, bounds, **options)
    verdict = search.run(stop_at_first=False)
    return verdict.name, frozenset(search.final_contents)


ONE_FAULT = Bounds(faults=1)


@pytest.mark.parametrize("answer", ANSWERS, ids=str)
def test_memory_and_symmetry_lose_no_final_state(answer: Answer) -> None:
    """The same states, with every operation really carried out and no consumers exchanged."""
    scenario = smallest(answer)
    bounds = scenario.bounds._replace(faults=1)
    for journal in JOURNALS if scenario.uses_sqlite else JOURNALS[:1]:
        reduced = finals(answer.program(), scenario, journal, bounds)
        plain = finals(answer.program(), scenario, journal, bounds, memory=False, symmetry=False)
        assert reduced == plain


@pytest.mark.parametrize("answer", ANSWERS, ids=str)
def test_the_full_search_finds_nothing_that_the_reduced_one_does_not(answer: Answer) -> None:
    """Every schedule run from its start, up to a limit; with few faults they are all run."""
    scenario = smallest(answer)
    some = scenario.bounds._replace(faults=1)
    for bounds in (some._replace(redeliveries=0), some._replace(crashes=0, lost_acks=0, lock_timeouts=0)):
        search = Search(answer.program(), scenario, "wal", bounds)
        search.run(stop_at_first=False)
        changes = search.schema_changes
        full = search_all(answer.program(), scenario, "wal", bounds, most_schedules=200, schema_changes=changes)
        assert full.finals <= search.final_contents
        if full.complete:
            assert full.finals == search.final_contents


DEEPER = [
    *(["insert_first_catch_integrity"] if SOAK else []),  # more than a minute
    "or_ignore_rowcount",
    "begin_immediate_check",
    "update_where_not_exists",
    "just_credit",
    "insert_then_update",
    "insert_or_ignore_unchecked",
    "global_set",
    "no_commit",
]


@pytest.mark.parametrize("journal", JOURNALS)
@pytest.mark.parametrize("name", DEEPER)
def test_reduced_and_full_search_agree_on_final_states(name: str, journal: Journal) -> None:
    answer = by_name(name)
    full = search_all(answer.program(), ONE, journal, ONE_FAULT, most_schedules=60_000 if SOAK else 6_000)
    assert full.complete, f"{full.schedules} schedules were not all"
    _, reduced = finals(answer.program(), ONE, journal, ONE_FAULT)
    assert reduced == full.finals
    assert bool(full.broken) == any(ONE.judge(contents) for contents in reduced)


def test_the_first_counterexample_is_the_smallest_that_the_full_search_finds() -> None:
    for name in ("just_credit", "insert_then_update", "insert_or_ignore_unchecked"):
        answer = by_name(name)
        verdict = Search(answer.program(), ONE, "wal", ONE_FAULT).run()
        assert isinstance(verdict, Refuted)
        full = search_all(answer.program(), ONE, "wal", ONE_FAULT, most_schedules=6_000)
        assert full.smallest_broken is not None
        assert cost_of(verdict.schedule) == cost_of(full.smallest_broken)


DRAWS_AFTER_MANY = """
import secrets
from redelivery import Retry
def handle(message, db):
    if message.attempt < 6:
        raise Retry("not yet")
    with db.atomic():
        db.execute("INSERT INTO processed VALUES (?)", [f"{message.id} {secrets.token_hex(8)}"])
"""
NOTES_THE_ATTEMPT = """
def handle(message, db):
    with db.atomic():
        db.execute("INSERT INTO processed VALUES (?)", [f"{message.id}, attempt {message.attempt}"])
"""


@pytest.mark.parametrize("journal", JOURNALS)
@pytest.mark.parametrize(
    "source",
    [
        DRAWS_AFTER_MANY,
        NOTES_THE_ATTEMPT,
        *(by_name(name).source for name in ("or_ignore_rowcount", "begin_immediate_check", "deferred_lock_swallowed")),
    ],
    ids=["draws after many attempts", "notes the attempt", "or_ignore_rowcount", "immediate", "deferred"],
)
def test_exchanging_consumers_loses_no_final_state_of_two_messages_with_two_faults(
    source: str, journal: Journal
) -> None:
    assert TWO.bounds.faults == 2 and len(TWO.messages) == 2
    exchanged = finals(program(source), TWO, journal, TWO.bounds)
    assert finals(program(source), TWO, journal, TWO.bounds, symmetry=False) == exchanged


# -- each rule is needed ------------------------------------------------------------------------------------


def _without(monkeypatch: pytest.MonkeyPatch, change: Any) -> None:
    """Leave parts of a state out of the key under which states are merged."""
    original = Transitions.key

    def key(self: Transitions, packed: Packed, exact: bool) -> Packed:
        return original(self, self.packed(change(self.unpacked(packed))), exact)

    monkeypatch.setattr(Transitions, "key", key)


def _processes(**parts: Any) -> Any:
    return lambda state: state._replace(processes=tuple(p._replace(**parts) for p in state.processes))


@pytest.mark.parametrize(
    ("change", "name", "scenario"),
    [
        (_processes(node=0), "two_transactions", ONE),
        (_processes(waiting=False), "immediate_busy_means_done", TWO),
        (_processes(current=True), "lock_table", ONE),
        (lambda state: state._replace(contents=0), "deferred_lock_swallowed", ONE),
        (lambda state: state._replace(faults=()), "deferred_lock_swallowed", ONE),
    ],
    ids=["what it was told", "waiting for a lock", "superseded", "contents", "faults used"],
)
def test_a_part_of_the_state_is_needed(
    change: Any, name: str, scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without it, states are merged that are not the same: final states or the right verdict are lost."""
    whole = finals(by_name(name).program(), scenario, "wal", scenario.bounds)
    _without(monkeypatch, change)
    assert finals(by_name(name).program(), scenario, "wal", scenario.bounds) != whole


def test_what_a_process_remembers_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """If every delivery found a fresh memory, a consumer that drops what it remembers would pass."""
    answer = by_name("remembered_before_commit")
    assert isinstance(Search(answer.program(), TWO, "wal").run(), Refuted)
    monkeypatch.setattr(LocalHost, "_memory_after", lambda self, run, node: 0)
    assert isinstance(Search(answer.program(), TWO, "wal").run(), Proved)


def test_the_memory_of_steps_needs_the_locks_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remembered without them, a statement that met a lock once would meet it for ever, or never."""
    answer = by_name("begin_immediate_check")
    whole = finals(answer.program(), TWO, "wal", TWO.bounds)
    monkeypatch.setattr(RememberedEffects, "_others", lambda self, state, process: 0)
    assert finals(answer.program(), TWO, "wal", TWO.bounds) != whole


def test_attempts_are_those_of_the_delivery() -> None:
    """A delivery that was overtaken still says that it is the first: whoever trusts it credits twice."""
    assert isinstance(Search(by_name("check_only_redelivered").program(), ONE, "wal").run(), Refuted)


TRIES = """
import sqlite3
def handle(message, db):
    for _ in range({tries}):
        try:
            with db.atomic():
                if db.execute("SELECT 1 FROM processed WHERE message_id = ?", [message.id]).fetchone():
                    return
                db.execute("INSERT INTO processed VALUES (?)", [message.id])
                db.execute("UPDATE account SET balance = balance + 100 WHERE id = 666")
                return
        except sqlite3.OperationalError:
            continue
"""


@pytest.mark.parametrize("tries", [1, 3, 10, 1000, 3500])
def test_a_loop_is_followed_to_its_end_however_often_it_goes_round(tries: int) -> None:
    """Whoever gives up after so many refusals, and returns, has lost the message."""
    assert isinstance(Search(program(TRIES.format(tries=tries)), TWO, "wal").run(), Refuted)


def test_a_loop_has_to_be_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    """If a process that has gone round twice were taken for endless, one that gives up after ten tries would pass."""
    monkeypatch.setattr(process, "MOST_ROUNDS", 2)
    monkeypatch.setattr(process, "_FEW_ROUNDS", 2)
    assert isinstance(Search(program(TRIES.format(tries=10)), TWO, "wal").run(), Proved)


def test_an_endless_loop_is_a_circle_of_few_states() -> None:
    """Whoever tries until he succeeds is right, and has finitely many states."""
    endless = TRIES.replace("for _ in range({tries})", "while True")
    search = Search(program(endless), TWO, "wal")
    assert isinstance(search.run(), Proved)
    assert search.statistics.states < 10_000


def test_carrying_a_process_on_alone_loses_no_final_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same ends as step by step, where nothing depends on the number of rounds."""
    code = TRIES.format(tries=7)
    for journal in JOURNALS:
        carried = finals(program(code), ONE, journal, ONE_FAULT)
        with monkeypatch.context() as patch:
            patch.setattr("redelivery.exploration.search.carried_on", lambda *_: None)
            assert finals(program(code), ONE, journal, ONE_FAULT) == carried


def test_sleeping_is_no_lock() -> None:
    """However long two consumers sleep before they look, both may look before either has marked the message."""
    source = """
import time
def handle(message, db):
    for _ in range(20):
        time.sleep(0.2)
    if db.execute("SELECT 1 FROM processed WHERE message_id = ?", [message.id]).fetchone():
        return
    with db.atomic():
        db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id])
        db.execute("UPDATE account SET balance = balance + 100 WHERE id = 666")
"""
    assert isinstance(Search(program(source), ONE, "wal").run(), Refuted)


def test_both_journal_modes_are_needed() -> None:
    """A wait that only one mode has."""
    source = """
import sqlite3
def handle(message, db):
    db.execute("BEGIN IMMEDIATE")
    known = db.execute("SELECT 1 FROM processed WHERE message_id = ?", [message.id]).fetchone()
    try:
        if not known:
            db.execute("INSERT INTO processed VALUES (?)", [message.id])
            db.execute("UPDATE account SET balance = balance + 100 WHERE id = 666")
        db.execute("COMMIT")
    except sqlite3.OperationalError:
        return
"""
    reader = source.replace(
        'db.execute("BEGIN IMMEDIATE")',
        'db.execute("BEGIN")\n    db.execute("SELECT balance FROM account").fetchall()\n    db.execute("ROLLBACK")\n'
        '    db.execute("BEGIN IMMEDIATE")',
    )
    assert isinstance(Search(program(reader), TWO, "wal").run(), Proved)
    assert isinstance(Search(program(reader), TWO, "rollback").run(), Refuted)


def test_a_returned_message_may_come_back_at_once() -> None:
    """However often that happens, it is the same state again: a circle, and no end."""
    retry = "from redelivery import Retry\ndef handle(message, db):\n    raise Retry('not yet')\n"
    verdict = Search(program(retry), ONE, "wal").run()
    assert isinstance(verdict, Stuck)
    assert verdict.reason == "circle"


def test_an_exception_after_a_refused_lock_is_no_poison() -> None:
    """Contention is nobody's fault, whatever the answer raises then; without contention it is."""
    busy = TRIES.format(tries=2) + "    raise RuntimeError('busy')\n"
    assert isinstance(Search(program(busy), TWO, "wal").run(), Proved)
    always = "def handle(message, db):\n    raise RuntimeError('busy')\n"
    verdict = Search(program(always), TWO, "wal").run()
    assert isinstance(verdict, Stuck)
    assert verdict.reason == "poison"


def test_a_search_says_how_many_schedules_it_covers() -> None:
    verdict = Search(by_name("or_ignore_rowcount").program(), ONE, "wal", Bounds(consumers=1, faults=0)).run()
    assert verdict == Proved(schedules=1, states=verdict.states)
