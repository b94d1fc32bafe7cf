"""A state that was reached with some of the same faults stands for one that was reached with more: nothing is lost."""

from __future__ import annotations

import os
from typing import Any

import pytest

from redelivery.checking.handler_part import HandlerPart
from redelivery.exercises.catalogue import part_of
from redelivery.exercises.record_and_check import ONE
from redelivery.exploration.scenario import Scenario
from redelivery.exploration.search import Search
from redelivery.exploration.transitions import Transitions
from redelivery.exploration.verdict import Refuted, Stuck, Verdict
from redelivery.simulation.program import Cell, SourceProgram
from redelivery.simulation.world import Bounds
from tests.answers import Answer, answers

SOAK = bool(os.environ.get("REDELIVERY_SOAK"))
#: Minutes for their searches where no state covers another.
LONG = {"endless_tries_in_one_transaction", "tries_until_done_deferred", "tries_until_done", "table_made_by_insert"}
ANSWERS = [
    answer
    for number, answer in enumerate(answers("mutants") + answers("variants"))
    if answer.name not in LONG and isinstance(part_of(answer.exercise, answer.part), HandlerPart)
    if SOAK or number % 29 == 0
]


def scenarios(answer: Answer) -> list[Scenario]:
    """Those of the answer's part with one message or two, on the tables that the answer makes."""
    part = part_of(answer.exercise, answer.part)
    assert isinstance(part, HandlerPart)
    started = part.opened(answer.program())
    assert isinstance(started, HandlerPart)
    return [s for s in started.scenarios if len(s.messages) <= 2 and not s.only_if_right][:2]


def searched(program: SourceProgram, scenario: Scenario, **options: bool) -> tuple[Verdict, Search]:
    search = Search(program, scenario, "wal")
    return search.run(**options), search


def story(verdict: Verdict) -> Any:
    """What is told of it."""
    return type(verdict), verdict.schedule if isinstance(verdict, Refuted | Stuck) else None


@pytest.mark.parametrize("answer", ANSWERS, ids=str)
def test_the_same_is_found_where_no_state_covers_another(answer: Answer, monkeypatch: pytest.MonkeyPatch) -> None:
    for scenario in scenarios(answer):
        program = answer.program()
        told, _ = searched(program, scenario)
        _, search = searched(program, scenario, stop_at_first=False)
        with monkeypatch.context() as patch:
            patch.setattr(Transitions, "covers", lambda self, fewer, more: False)
            told_with_all, _ = searched(program, scenario)
            _, with_all = searched(program, scenario, stop_at_first=False)
        assert story(told) == story(told_with_all)
        assert search.final_contents == with_all.final_contents
        assert search.statistics.states <= with_all.statistics.states


LOGS_ITS_WORKER = """
from uuid import uuid4
WORKER = uuid4().hex
def handle(message, db):
    with db.atomic():
        db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [f"{message.id} {WORKER}"])
"""


def careless(self: Transitions, fewer: int, more: int) -> bool:
    """Without looking at what else depends on the faults."""
    return all(a <= b for a, b in zip(self._faults[fewer], self._faults[more], strict=True))


def contents(program: SourceProgram, scenario: Scenario, bounds: Bounds) -> frozenset[Any]:
    search = Search(program, scenario, "wal", bounds)
    search.run(stop_at_first=False)
    return frozenset(search.final_contents)


def test_a_process_that_has_started_after_more_crashes_may_have_drawn_another_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    program = SourceProgram([Cell("test", LOGS_ITS_WORKER)])
    bounds = Bounds(faults=3, crashes=2, redeliveries=0, lock_timeouts=0)
    right = contents(program, ONE, bounds)
    monkeypatch.setattr(Transitions, "covers", lambda self, fewer, more: False)
    assert right == contents(program, ONE, bounds)


def test_a_loop_is_judged_otherwise_where_nothing_went_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = next(a for a in answers("variants") if a.part == "at_most_once" and a.name == "solution")
    scenario = scenarios(answer)[0]
    right = contents(answer.program(), scenario, scenario.bounds)
    monkeypatch.setattr(Transitions, "covers", careless)
    assert contents(answer.program(), scenario, scenario.bounds) < right
