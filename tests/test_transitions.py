"""What the rules said of a part of a state holds for every state with that part: by numbers as by the rules."""

from __future__ import annotations

import os
from typing import Any

import pytest

from redelivery.checking.handler_part import HandlerPart
from redelivery.exercises.catalogue import part_of
from redelivery.exploration.reduction import Step
from redelivery.exploration.transitions import Option, Packed, Transitions
from redelivery.simulation.world import State
from tests.answers import Answer, answers

SOAK = bool(os.environ.get("REDELIVERY_SOAK"))
ALL = [a for a in answers("variants") + answers("mutants") if isinstance(part_of(a.exercise, a.part), HandlerPart)]
#: Every sixtieth answer; each of them with REDELIVERY_SOAK.
CHOSEN = ALL if SOAK else ALL[::60]


def without_uncounted(transitions: Transitions, state: State) -> State:
    return state if transitions._counts else state._replace(attempts=())


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many answers of `Transitions` were compared with the rules', and how many of these were not new."""
    counts = [0, 0]
    real_after, real_possible = Transitions.after, Transitions.possible

    def after(self: Transitions, step: Step, option: Option) -> Packed:
        known = len(self._moves)
        found = real_after(self, step, option)
        moved, at = self._effects.moved, self._effects.at  # type: ignore[attr-defined]
        wanted = self._world.apply(step.state, option.choice)
        self._effects.moved, self._effects.at = moved, at  # type: ignore[attr-defined]
        assert without_uncounted(self, self.unpacked(found)) == without_uncounted(self, wanted)
        counts[0] += 1
        counts[1] += len(self._moves) == known
        return found

    def possible(self: Transitions, step: Step) -> tuple[list[Option], list[Option]]:
        moves, faults = real_possible(self, step)
        assert [option.choice for option in moves] == self._world.steps(step.state)
        assert [option.choice for option in faults] == self._world.faults(step.state)
        return moves, faults

    monkeypatch.setattr(Transitions, "after", after)
    monkeypatch.setattr(Transitions, "possible", possible)
    return counts


@pytest.mark.parametrize("answer", CHOSEN, ids=str)
def test_what_is_known_by_numbers_is_what_the_rules_say(answer: Answer, compared: list[int]) -> None:
    part: Any = part_of(answer.exercise, answer.part)
    report = part.check(answer.exercise, answer.program())
    assert not report.fault
    if answer.is_right:
        assert compared[1] > compared[0] / 3, "most are known"


def test_a_state_is_what_it_was_packed_from(compared: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    real = Transitions.packed
    seen = 0

    def packed(self: Transitions, state: State) -> Packed:
        nonlocal seen
        found = real(self, state)
        assert without_uncounted(self, self.unpacked(found)) == without_uncounted(self, state)
        seen += 1
        return found

    monkeypatch.setattr(Transitions, "packed", packed)
    answer = next(a for a in ALL if a.part == "record_and_check_redis" and a.name == "solution")
    part_of(answer.exercise, answer.part).check(answer.exercise, answer.program())
    assert seen > 100
