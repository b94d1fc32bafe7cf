"""What an exercise notebook calls: `exercise("05")` and its `check`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from ..checking.fault import checked
from ..checking.handler_part import HandlerPart, with_progress
from ..checking.part import UNSOLVED, NotChecked, Part, Replay, Report, is_unsolved
from ..checking.seed import DEFAULT_SEED
from ..display.progress import bar
from ..exploration.schedule import BadSchedule
from ..exploration.stage import opened
from ..exploration.verdict import Undetermined
from ..simulation.memory import CannotCopy
from ..simulation.program import Cell, Program, Quiet, SourceProgram, is_executing, live_program
from ..simulation.sqlite_store import Journal
from ..workspace.caller import caller_of
from ..workspace.kernel import Judged, NotThis, executed, judged, watch
from ..workspace.record import note_live
from .break_it import BreakIt
from .catalogue import EXERCISES, exercise_name, next_after, part_of
from .claims import ClaimsPart

P = ParamSpec("P")
R = TypeVar("R")


class NotPassed(Exception):
    """Raised by `Exercise.check` after the report was shown, so that a grader sees the cell fail."""

    is_verdict = True
    """It says nothing about the cell that it is raised in."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


def _in_one_line(called: Callable[P, R]) -> Callable[P, R]:
    """What a wrong name of a part or a stopped search ends with is said without the lines of this package."""

    @wraps(called)
    def plainly(*arguments: P.args, **named: P.kwargs) -> R:
        try:
            return called(*arguments, **named)
        except (LookupError, KeyboardInterrupt) as error:
            words = "stopped by you" if isinstance(error, KeyboardInterrupt) else str(error)
            error._render_traceback_ = lambda: [words]  # type: ignore[union-attr]
            raise

    return plainly


class Exercise:
    """One exercise, as its notebook uses it."""

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def parts(self) -> tuple[Part, ...]:
        """Its parts in the order of the notebook."""
        return EXERCISES[self.name]

    def part_of(self, part: str) -> Part:
        """One of them.

        Raises:
            LookupError: with the parts there are.
        """
        return part_of(self.name, part)

    @property
    def asked_for(self) -> str:
        """What a notebook calls to have it."""
        return f'exercise("{self.name[:2]}")'

    @_in_one_line
    def check(self, part: str, *answers: Any) -> None:
        """Check an answer and show the report.

        Raises:
            NotPassed: the answer is not right. The cell then counts as failed for whoever grades it.
        """
        report = self._scored(self.report(part, *answers))
        _show(report)
        note_live(self.name, part, report.verdict.name, answers, report.points)
        if report.fault:
            raise NotPassed(f"{part} could not be judged: the checker failed, which says nothing about your answer")
        if not report.passed:
            raise NotPassed(f"{part}: {report.headline.split('   ')[0].lower()}, {report.points_words}")

    def _scored(self, report: Report) -> Report:
        """The report of a part of this exercise: what it is worth, and where to go from there."""
        return replace(report, is_scored=True, following=next_after(self.name, report.part) if report.passed else None)

    @_in_one_line
    def report(self, part: str, *answers: Any) -> Report:
        """Check an answer; the report shows itself. A fault of the checker's own is a report, too."""
        wanted = self.part_of(part)
        caller = caller_of(self, self.asked_for, answers)
        return checked(wanted, self.name, lambda: replace(self._judged(wanted, answers), caller=caller))

    def _judged(self, wanted: Part, answers: tuple[Any, ...]) -> Report:
        """The report, which says what of the running notebook was judged."""
        found = self._origin(wanted, answers)
        if isinstance(found, NotThis):
            return Report(self.name, wanted.grade_id, wanted.points, NotChecked(found.reason))
        return replace(self._report(wanted, answers), judged=f"{found.words} {found.warning}".strip())

    def _origin(self, wanted: Part, answers: tuple[Any, ...]) -> Judged | NotThis:
        parts = [part.grade_id for part in self.parts]
        return judged(self.name, wanted.grade_id, wanted.names, answers, parts)

    def _report(self, wanted: Part, answers: tuple[Any, ...]) -> Report:
        if isinstance(wanted, BreakIt | ClaimsPart):
            return wanted.judge(self.name, answers[0] if answers else None)
        program = self._program(wanted, answers)
        if isinstance(program, NotChecked | Undetermined):
            return Report(self.name, wanted.grade_id, wanted.points, program)
        with bar(wanted.grade_id) as told:
            report: Report = with_progress(wanted, told).check(self.name, program)
        return report

    @_in_one_line
    def replay(
        self,
        part: str,
        *answers: Any,
        schedule: str,
        journal: Journal = "wal",
        scenario: int = 1,
        messages: Sequence[int] = (),
        seed: int = DEFAULT_SEED,
    ) -> Replay | Report:
        """Carry out one schedule with an answer and show its timeline. ``messages`` and ``seed``: which of the drawn
        messages there are, and what they are drawn from, in the scenario whose values are drawn."""
        wanted = self.part_of(part)
        found = self._origin(wanted, answers)
        program = NotChecked(found.reason) if isinstance(found, NotThis) else self._program(wanted, answers)
        if isinstance(program, NotChecked | Undetermined):
            return Report(self.name, part, wanted.points, program)
        rest = (self.name, program, schedule, journal, scenario)

        def replayed() -> Replay:
            if isinstance(wanted, HandlerPart):
                return replace(wanted, seed=seed).replay(*rest, messages)
            return wanted.replay(*rest)

        return checked(wanted, self.name, lambda: self._replayed(wanted, replayed))

    def _replayed(self, wanted: Part, replayed: Callable[[], Replay]) -> Replay | Report:
        try:
            shown = replayed()
            if is_unsolved(shown.run):
                why = UNSOLVED.format(wanted.grade_id)
                return Report(self.name, wanted.grade_id, wanted.points, NotChecked(why))
            return shown
        except BadSchedule as error:
            return Report(self.name, wanted.grade_id, wanted.points, NotChecked(str(error)))

    @_in_one_line
    def try_to_break(self, part: str, *answers: Any, journal: Journal = "wal", scenario: int = 1) -> Any:
        """Decide yourself what happens next, with buttons: to the consumer of a *break it* part, or to your own
        answer. Shows what is wrong with the answer instead, if it can't be run; outside of a notebook, the run in which
        nothing goes wrong."""
        if not _in_notebook():
            return self.replay(part, *answers, schedule="", journal=journal, scenario=scenario)
        wanted = self.part_of(part)
        program = self._program(wanted, answers)
        if not isinstance(program, NotChecked | Undetermined) and isinstance(wanted, HandlerPart):
            opened_part = wanted.opened(program)
            if isinstance(opened_part, HandlerPart):
                wanted = opened_part
            else:
                program = opened_part
        if isinstance(program, NotChecked | Undetermined):
            return Report(self.name, part, wanted.points, program)
        if isinstance(wanted, BreakIt):
            chosen = opened(program, wanted.scenario)
        elif isinstance(wanted, HandlerPart):
            if not 1 <= scenario <= len(wanted.scenarios):
                raise LookupError(f"there is no scenario {scenario}: {part} has 1 to {len(wanted.scenarios)}")
            undisturbed = self.replay(part, *answers, schedule="", journal=journal, scenario=scenario)
            if isinstance(undisturbed, Report):  # it is still the stub, or not what the part's cell holds
                return undisturbed
            chosen = wanted.scenarios[scenario - 1]
        else:
            raise LookupError(f"{part} has no schedules: there is nothing to break")
        from ..display.widgets.scheduler import Scheduler  # only a notebook needs it

        return Scheduler(program, chosen, f"Break it yourself: {part}", journal)

    def _program(self, part: Part, answers: tuple[Any, ...]) -> Program | NotChecked | Undetermined:
        if isinstance(part, BreakIt):
            return part.program
        if len(answers) == 1 and isinstance(answers[0], str):
            return SourceProgram([Cell("setup", "from redelivery import Retry"), Cell(part.grade_id, answers[0])])
        functions: dict[str, Callable[..., Any]] = {}
        for name, answer in zip(part.names, answers, strict=False):
            if not callable(answer):
                return NotChecked(f"expected a function {name}; it is of type {type(answer).__name__}")
            functions[name] = answer
        if len(functions) < len(part.names):
            return NotChecked(f"expected {', '.join(part.names)}; give them all, in this order")
        try:
            cells = executed(list(functions.values()), list(functions)) or ()
            return live_program(functions, [Cell(cell, source) for cell, source in cells])
        except CannotCopy as error:
            return Undetermined(str(error), line=error.line, unsupported=True)

    def __repr__(self) -> str:
        parts = ", ".join(f"{part.grade_id} ({part.points} points)" for part in self.parts)
        return f"Exercise {self.name}: {parts}"


@_in_one_line
def exercise(name: str) -> Exercise | Quiet:
    """The exercise with this number or name, such as ``"05"``; where a cell that asks for it is itself executed to be
    checked, one that does nothing.

    Raises:
        LookupError: there is none; the message says which there are.
    """
    if is_executing():
        return Quiet()
    full = exercise_name(name)
    if full is None:
        raise LookupError(f"there is no exercise {name!r}; there are {', '.join(EXERCISES)}")
    watch({name for part in EXERCISES[full] for name in part.names})
    return Exercise(full)


def _show(report: Report) -> None:
    """As HTML where a notebook is listening, else as text."""
    if _in_notebook():
        from IPython.display import display

        display(report)  # type: ignore[no-untyped-call]
    else:
        print(report)


def _in_notebook() -> bool:
    shell = sys.modules.get("IPython")
    return shell is not None and shell.get_ipython() is not None
