"""Several scenarios at a time: none is searched any further than another."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from redelivery.checking.handler_part import HandlerPart
from redelivery.exercises.catalogue import part_of
from redelivery.exercises.idempotence import ORDER_TOTAL
from redelivery.exercises.record_and_check import ONE, RECORD_AND_CHECK
from redelivery.exploration.race import Race
from redelivery.exploration.schedule import cost_of
from redelivery.exploration.search import Search
from redelivery.exploration.verdict import Proved, Refuted, Stuck
from redelivery.simulation.program import Cell, SourceProgram
from tests.answers import Answer, answers

SCENARIOS = [(n, s) for n, s in enumerate(RECORD_AND_CHECK.scenarios, 1) if not s.only_if_right]
WRONG = [a for a in answers("mutants") if a.part == "record_and_check"][::12]
RIGHT = next(a for a in answers("variants") if a.part == "record_and_check" and a.name == "solution")


def a_race(answer: Answer) -> Race:
    return Race(answer.program(), ("wal", "rollback"), lambda scenario: scenario.bounds, 60.0, None)


@pytest.fixture
def advanced(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int | None]]:
    """How far which scenario was searched, in that order."""
    asked: list[tuple[str, int | None]] = []
    real = Search.advance

    def advance(self: Search, faults: int | None, stop_at_first: bool = True) -> Any:
        asked.append((self.scenario.name, faults))
        return real(self, faults, stop_at_first)

    monkeypatch.setattr(Search, "advance", advance)
    return asked


def test_all_are_searched_with_fewer_faults_before_any_is_with_more(advanced: list[tuple[str, int | None]]) -> None:
    race = a_race(RIGHT)
    race.run(SCENARIOS)
    assert race.best is None and race.unsure is None
    faults = [level for _, level in advanced]
    assert faults == sorted(faults, key=lambda level: level or 0) and set(faults) == {0, 1, 2}
    assert {name for name, level in advanced if level == 0} == {s.name for _, s in SCENARIOS}


def test_what_fails_without_a_fault_is_told_before_anything_is_searched_with_one(
    advanced: list[tuple[str, int | None]],
) -> None:
    ignores_the_id = next(
        a for a in answers("mutants") if a.part == "record_and_check" and a.diagnosis == "key-from-payload"
    )
    race = a_race(ignores_the_id)
    race.run(SCENARIOS)
    assert race.best is not None and cost_of(race.best[1].schedule)[0] == 0
    assert {level for _, level in advanced} == {0}


def test_a_search_that_is_interrupted_at_each_level_finds_what_one_in_a_go_finds() -> None:
    for answer in [RIGHT, *WRONG]:
        whole = Search(answer.program(), ONE, "wal").run()
        stepwise = Search(answer.program(), ONE, "wal")
        verdict, faults = None, 0
        while verdict is None:
            verdict = stepwise.advance(faults)
            faults += 1
        assert verdict == whole, answer.name


@pytest.mark.parametrize("answer", WRONG, ids=str)
def test_the_counterexample_is_one_with_the_fewest_faults_of_all(answer: Answer) -> None:
    race = a_race(answer)
    race.run(SCENARIOS)
    alone = [
        verdict
        for _, scenario in SCENARIOS
        for journal in scenario.journals(("wal", "rollback"))
        if isinstance(verdict := Search(answer.program(), scenario, journal).run(), Refuted | Stuck)
    ]
    if not alone:
        assert race.best is None
        return
    assert race.best is not None and not isinstance(race.best[1], Proved)
    assert cost_of(race.best[1].schedule)[0] == min(cost_of(verdict.schedule)[0] for verdict in alone)


def test_an_answer_that_looks_at_hints_fails_in_the_first_scenario_in_which_it_can() -> None:
    """It would not, if that was searched to its end first as though every delivery was said to be the first, while
    others of fewer faults come to theirs."""
    answer = next(a for a in answers("mutants") if a.part == "order_total" and a.name == "order_and_attempt")
    report = ORDER_TOTAL.check(answer.exercise, answer.program())
    assert isinstance(report.verdict, Refuted) and report.scenario == 1
    assert cost_of(report.verdict.schedule)[0] == 1


BOTH_JOURNALS = [
    answer
    for number, answer in enumerate(answers("mutants") + answers("variants"))
    if number % 31 == 0 and isinstance(part_of(answer.exercise, answer.part), HandlerPart)
]


@pytest.mark.parametrize("answer", BOTH_JOURNALS, ids=str)
def test_where_journals_are_said_to_be_alike_the_other_one_finds_the_same(answer: Answer) -> None:
    program = answer.program()
    part = part_of(answer.exercise, answer.part).opened(program)
    assert isinstance(part, HandlerPart)
    for scenario in part.scenarios:
        if len(scenario.journals(("wal", "rollback"))) < 2 or len(scenario.messages) > 3:
            continue
        search = Search(program, scenario, "wal")
        verdict = search.run(stop_at_first=False)
        if search.journals_alike:
            other = Search(program, scenario, "rollback")
            found = other.run(stop_at_first=False)
            assert other.journals_alike and other.final_contents == search.final_contents
            assert replace(found, journal="wal") == verdict if isinstance(found, Refuted | Stuck) else found == verdict


SNAPSHOT = """
def handle(message, db):
    db.conn.execute("BEGIN")
    known = db.execute("SELECT count(*) FROM processed").fetchone()
    db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id])
    db.conn.execute("COMMIT")
"""
AT_ONCE = SNAPSHOT.replace("BEGIN", "BEGIN IMMEDIATE")
EXCLUSIVE = SNAPSHOT.replace("BEGIN", "BEGIN EXCLUSIVE")
LEVEL = """
def handle(message, db):
    db.conn.isolation_level = "EXCLUSIVE"
    with db.conn:
        db.conn.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id])
"""
SCRIPT = """
def handle(message, db):
    db.conn.executescript("begin exclusive; INSERT OR IGNORE INTO processed VALUES ('8'); commit;")
"""


@pytest.mark.parametrize(
    ("source", "alike"), [(SNAPSHOT, False), (AT_ONCE, True), (EXCLUSIVE, False), (LEVEL, False), (SCRIPT, False)]
)
def test_journals_differ_where_somebody_keeps_a_snapshot_or_the_whole_file(source: str, alike: bool) -> None:
    search = Search(SourceProgram([Cell("a", source)]), ONE, "wal")
    search.run(stop_at_first=False)
    assert search.journals_alike is alike


SWALLOWS_A_FAILED_COMMIT = """
import sqlite3
def handle(message, db):
    db.conn.execute("BEGIN")
    db.execute("SELECT count(*) FROM processed").fetchone()
    db.conn.execute("COMMIT")
    db.conn.execute("BEGIN IMMEDIATE")
    if db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id]).rowcount:
        db.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", message.body)
    try:
        db.conn.execute("COMMIT")
    except sqlite3.OperationalError:  # in WAL mode no reader is in its way
        db.conn.execute("ROLLBACK")
"""


def test_a_mistake_that_only_the_other_journal_shows_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rule is needed: who took all journals for alike would miss it."""
    program = SourceProgram([Cell("a", SWALLOWS_A_FAILED_COMMIT)])

    def found() -> Refuted | Stuck | None:
        with Race(program, ("wal", "rollback"), lambda scenario: scenario.bounds, 60.0, None) as race:
            race.run(SCENARIOS[:2])
        return race.best[1] if race.best is not None else None

    best = found()
    assert best is not None and best.journal == "rollback"
    monkeypatch.setattr(Search, "_are_journals_alike", lambda self, tree, store: True)
    assert found() is None
