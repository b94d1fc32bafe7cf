"""A part in which the learner says of small operations whether they are idempotent (L5, Q12)."""

from __future__ import annotations

import copy
import inspect
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ..checking.part import NotChecked, Replay, Report, Withstood
from ..exploration.diagnosis import Diagnosis
from ..exploration.schedule import BadSchedule
from ..exploration.verdict import Proved
from ..simulation.program import Program
from ..simulation.sqlite_store import Journal

State = dict[str, Any]


def raise_to_minimum(state: State) -> None:
    state["balance"] = max(state["balance"], 100)


def pay_if_enough(state: State) -> None:
    if state["balance"] >= 100:
        state["balance"] -= 100


def keep_last_digit(state: State) -> None:
    state["code"] = state["code"] % 10


def note_once(state: State) -> None:
    if 8 not in state["seen"]:
        state["seen"].append(8)


def serve_next(state: State) -> None:
    state["waiting"] = state["waiting"][1:]


def squeeze_spaces(state: State) -> None:
    state["address"] = state["address"].replace("  ", " ")


def drop_coupon(state: State) -> None:
    state.pop("coupon", None)


def toggle(state: State) -> None:
    state["subscribed"] = not state["subscribed"]


OPERATIONS: dict[str, Callable[[State], None]] = {
    operation.__name__: operation
    for operation in (
        raise_to_minimum,
        pay_if_enough,
        keep_last_digit,
        note_once,
        serve_next,
        squeeze_spaces,
        drop_coupon,
        toggle,
    )
}
#: What each part of the state may hold, smallest first.
_VALUES: dict[str, list[Any]] = {
    "balance": [0, 1, 99, 100, 101, 199, 200, 500, 1000, -5],
    "code": [0, 7, 10, 42, 1234, -3],
    "seen": [[], [7], [8], [7, 8], [8, 7], [8, 8]],
    "waiting": [[], [7], [8], [7, 7], [7, 8], [7, 8, 9]],
    "address": ["", " ", "  ", "   ", "a b", "a  b", "a    b", "a     b", "High  Street   8"],
    "coupon": ["SPRING", ""],
    "subscribed": [False, True],
}


def states_of(operation: Callable[[State], None]) -> Iterator[State]:
    """Many states with what the operation looks at, smaller ones first."""
    source = inspect.getsource(operation)
    names = [name for name in _VALUES if f'"{name}"' in source]
    for values in itertools.product(*(_VALUES[name] for name in names)):
        yield dict(zip(names, values, strict=True))
    if "coupon" in names:
        yield {}


def contradiction(operation: Callable[[State], None]) -> tuple[State, State, State] | None:
    """A state from which the operation carried out twice leaves another state than once, with the two states left;
    None where it is idempotent from every state tried."""
    for state in states_of(operation):
        once = copy.deepcopy(state)
        operation(once)
        twice = copy.deepcopy(once)
        operation(twice)
        if once != twice:
            return state, once, twice
    return None


@dataclass(frozen=True)
class ClaimsPart:
    """The answer is ``claims``: a dict of operation → whether it is idempotent."""

    grade_id: str
    points: int
    names: tuple[str, ...] = ("claims",)

    def check(self, exercise: str, program: Program) -> Report:
        """Judge the learner's claims."""
        answer = program.value("claims")
        return self.judge(exercise, answer)

    def judge(self, exercise: str, answer: object) -> Report:
        """Judge one dict of claims."""
        wrong = self._wrong_shape(answer)
        if wrong is not None:
            return Report(exercise, self.grade_id, self.points, NotChecked(wrong))
        assert isinstance(answer, dict)
        refuted = [
            sentence for name, operation in OPERATIONS.items() if (sentence := _compare(name, operation, answer[name]))
        ]
        if not refuted:
            return Report(
                exercise,
                self.grade_id,
                self.points,
                Proved(0, 0),
                covered="All eight are right. Each operation was carried out once and twice from many states.",
            )
        right = len(OPERATIONS) - len(refuted)
        more = f" {len(refuted) - 1} more of your claims are wrong." if len(refuted) > 2 else ""
        more = " One more of your claims is wrong." if len(refuted) == 2 else more
        return Report(
            exercise,
            self.grade_id,
            self.points,
            Withstood(f"{refuted[0]}{more}"),
            diagnosis=Diagnosis("wrong-claim", f"{refuted[0]}{more}"),
            right_of=(right, len(OPERATIONS)),
            title=f"REFUTED   wrong-claim   {right} of {len(OPERATIONS)} are right",
        )

    def _wrong_shape(self, answer: object) -> str | None:
        if answer is None:
            return "expected a dict, claims = {…}, with True or False for each operation; there is none"
        if not isinstance(answer, dict):
            return f"expected a dict, claims = {{…}}; it is of type {type(answer).__name__}"
        for name in OPERATIONS:
            if name not in answer or answer[name] is None or answer[name] is ...:
                return f"claims is not solved yet: it says nothing about {name}. Write True (idempotent) or False"
            if type(answer[name]) is not bool:
                return f"expected True or False for {name}; it is {answer[name]!r:.40}"
        extra = sorted(set(map(str, answer)) - set(OPERATIONS))
        return f"claims names {extra[0]!r}, which is none of the operations" if extra else None

    def replay(
        self, exercise: str, program: Program, schedule: str, journal: Journal | None, scenario: int | None
    ) -> Replay:
        """There is nothing to replay.

        Raises:
            BadSchedule: always.
        """
        raise BadSchedule(f"{self.grade_id} has no schedules: nothing to replay")


def _compare(name: str, operation: Callable[[State], None], claim: bool) -> str | None:
    found = contradiction(operation)
    if claim and found is not None:
        before, once, twice = found
        states = f"from {_shown(before)} it leads once to {_shown(once)}, twice to {_shown(twice)}"
        return f"{name} is not idempotent: {states}."
    if not claim and found is None:
        tried = sum(1 for _ in states_of(operation))
        return f"{name} is idempotent: from all of the {tried} states tried, twice leads where once leads."
    return None


def _shown(state: State) -> str:
    return "{" + ", ".join(f"{name!r}: {value!r}" for name, value in state.items()) + "}"
