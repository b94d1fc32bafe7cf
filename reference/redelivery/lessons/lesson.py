"""What a lesson's notebook calls: `lesson("05")`, its `report`, `replay` and `try_to_break`, and `turn`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from ..checking.part import NotChecked, Part
from ..exercises.exercise import Exercise
from ..exploration.verdict import Undetermined
from ..simulation.memory import CannotCopy
from ..simulation.program import FunctionProgram, Program, Quiet, is_executing
from ..workspace.kernel import Judged
from .parts import LESSONS, SubscriberPart, as_loop
from .turn import Outcome, Turn


class Lesson(Exercise):
    """One lesson. It judges as an exercise does, gives no points and notes nothing."""

    @property
    def parts(self) -> tuple[Part, ...]:
        """What the lesson has judged."""
        return LESSONS[self.name]

    @property
    def asked_for(self) -> str:
        """What a notebook calls to have it."""
        return f'lesson("{self.name}")'

    def part_of(self, part: str) -> Part:
        """One of them.

        Raises:
            LookupError: with the parts there are.
        """
        for one in self.parts:
            if one.grade_id == part:
                return one
        names = ", ".join(one.grade_id for one in self.parts)
        raise LookupError(f"lesson {self.name} has no part {part!r}; its parts are {names}")

    def turn(self, name: str, *answers: Any) -> Outcome:
        """Judge what was written in one of the lesson's *your turn* cells.

        Raises:
            LookupError: the lesson has no turn of this name.
        """
        from .turns import TURNS  # they use a lesson themselves

        turns: dict[str, Turn] = TURNS.get(self.name, {})
        if name not in turns:
            raise LookupError(f"lesson {self.name} has no turn {name!r}; it has {', '.join(turns) or 'none'}")
        return turns[name].judge(self, answers)

    def _origin(self, wanted: Part, answers: tuple[Any, ...]) -> Judged:
        return Judged("", "")  # any function may be handed over, under any name

    def _program(self, part: Part, answers: tuple[Any, ...]) -> Program | NotChecked | Undetermined:
        if isinstance(part, SubscriberPart) and answers and callable(answers[0]):
            return _subscribed(answers[0])
        return super()._program(part, answers)

    def __repr__(self) -> str:
        return f"Lesson {self.name}: {', '.join(part.grade_id for part in self.parts)}"


class _Subscribed(FunctionProgram):
    """A function in the loop of a queue's client, which is nobody's code to look at."""

    def __init__(self, on_message: Callable[..., Any]) -> None:
        super().__init__({"subscriber": as_loop(on_message)})
        self._files -= {as_loop.__code__.co_filename}


def _subscribed(on_message: Callable[..., Any]) -> Program | NotChecked | Undetermined:
    try:
        if len(inspect.signature(on_message).parameters) != 3:
            return NotChecked(f"expected {on_message.__name__}(message, process, ack); it takes other parameters")
        return _Subscribed(on_message)
    except CannotCopy as error:
        return Undetermined(str(error), line=error.line, unsupported=True)


def lesson(name: str) -> Lesson | Quiet:
    """The lesson with this number, such as ``"05"``; where a cell that asks for it is itself executed to be checked,
    one that does nothing.

    Raises:
        LookupError: there is none; the message says which there are.
    """
    if is_executing():
        return Quiet()
    if name not in LESSONS:
        raise LookupError(f"there is no lesson {name!r}; there are {', '.join(LESSONS)}")
    return Lesson(name)
