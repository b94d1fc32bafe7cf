"""A field that is added to a state, or to a process, is in the key and survives every step, without anybody's doing."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import pytest

from redelivery.checking.handler_part import HandlerPart
from redelivery.exercises.catalogue import part_of
from redelivery.exploration import transitions as transitions_module
from redelivery.exploration.search import Search
from redelivery.simulation import world as world_module
from redelivery.simulation.choices import Kind
from redelivery.simulation.world import Process, State, World
from tests.answers import Answer, answers

#: Every role, every kind of store and of fault is in one of them.
SOLUTIONS = [
    a for a in answers("variants") if a.name == "solution" and isinstance(part_of(a.exercise, a.part), HandlerPart)
]
SET = 7


def wider(kind: Any) -> Any:
    """The same named tuple with one more field."""
    return namedtuple(kind.__name__, (*kind._fields, "added"), defaults=(*kind._field_defaults.values(), 0))


def searched(answer: Answer) -> Search:
    program = answer.program()
    part: Any = part_of(answer.exercise, answer.part).opened(program)
    search = Search(program, part.scenarios[0], "wal")
    search.run(stop_at_first=False)
    assert search._steps
    return search


@pytest.mark.parametrize("answer", SOLUTIONS, ids=lambda answer: answer.part)
def test_a_field_of_the_state_is_kept_and_told_apart(answer: Answer, monkeypatch: pytest.MonkeyPatch) -> None:
    wide = wider(State)
    initial = World.initial
    monkeypatch.setattr(world_module, "State", wide)
    monkeypatch.setattr(transitions_module, "State", wide)
    monkeypatch.setattr(World, "initial", lambda self, contents: initial(self, contents)._replace(added=SET))
    search = searched(answer)
    known = search._transitions
    for step in search._steps:
        assert step.state.added == SET  # type: ignore[attr-defined]
        other = step.state._replace(added=SET + 1)  # type: ignore[call-arg]
        assert known.key(known.packed(other), exact=False) != known.key(known.packed(step.state), exact=False)


@pytest.mark.parametrize("answer", SOLUTIONS, ids=lambda answer: answer.part)
def test_a_field_of_a_process_is_kept_as_long_as_it_is_at_work(answer: Answer, monkeypatch: pytest.MonkeyPatch) -> None:
    called = World._called

    def marked(self: World, state: State, index: int, *rest: Any) -> State:
        after = called(self, state, index, *rest)
        return after._replace(
            processes=tuple(p._replace(added=SET) if i == index else p for i, p in enumerate(after.processes))  # type: ignore[call-arg]
        )

    monkeypatch.setattr(world_module, "Process", wider(Process))
    monkeypatch.setattr(transitions_module, "Process", wider(Process))
    monkeypatch.setattr(World, "_called", marked)
    search = searched(answer)
    at_work = [p for step in search._steps for p in step.state.processes if p.message >= 0]
    assert at_work and all(p.added == SET for p in at_work)  # type: ignore[attr-defined]
    known = search._transitions
    for step in search._steps:
        for index, process in enumerate(step.state.processes):
            changed = process._replace(added=SET + 1)  # type: ignore[call-arg]
            others = tuple(changed if i == index else p for i, p in enumerate(step.state.processes))
            other = step.state._replace(processes=others)
            assert known.key(known.packed(other), exact=False) != known.key(known.packed(step.state), exact=False)


def test_together_they_take_every_kind_of_step() -> None:
    """Or the tests above would show less than they say. A clock that is looked at has tests of its own."""
    kinds = {
        choice.kind
        for answer in SOLUTIONS
        for step in searched(answer)._steps
        for choice in (step.choice,)
        if choice is not None
    }
    assert kinds >= set(Kind) - {Kind.FAIL, Kind.TIME}, kinds
