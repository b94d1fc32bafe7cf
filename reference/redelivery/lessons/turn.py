"""A *your turn* cell of a lesson: what was written is judged at once, and nothing is noted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any, ClassVar

from ..checking.part import NotChecked, Replay, Report
from ..exploration.schedule import BadSchedule

if TYPE_CHECKING:
    from .lesson import Lesson


@dataclass(frozen=True, repr=False)
class Outcome:
    """What came of a turn, and how that is shown; ``shown``: the run that it rests on."""

    solved: ClassVar[bool]
    name: str
    text: str
    shown: Report | Replay | None = None

    @property
    def headline(self) -> str:
        """The verdict in one line."""
        return f"{'SOLVED' if self.solved else 'NOT SOLVED YET'}   {self.name}"

    def __str__(self) -> str:
        text = f"{self.headline}\n{self.text}".rstrip()
        return text if self.shown is None else f"{text}\n\n{self.shown}"

    def __repr__(self) -> str:
        return str(self)

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        sign, ink, paper = ("✓", "#0b5d1e", "#e6f4ea") if self.solved else ("…", "#5a4a00", "#fff6d6")
        said = (
            f'<div style="border-left:4px solid {ink};background:{paper};color:#1b1f24;padding:8px 12px;margin:4px 0">'
            f'<div style="font-weight:bold;color:{ink}">{sign} {escape(" · ".join(self.headline.split("   ")))}</div>'
            f'<div style="margin-top:4px;white-space:pre-wrap">{escape(self.text)}</div></div>'
        )
        kept = {} if self.shown is None else self.shown._repr_mimebundle_()
        return {**kept, "text/plain": str(self), "text/html": said + str(kept.get("text/html", ""))}


class Solved(Outcome):
    """It does what was asked."""

    solved = True


class NotSolvedYet(Outcome):
    """It doesn't, or nothing was written yet."""

    solved = False


class Told(Exception):
    """What is wrong with an answer, as a sentence."""


@dataclass(frozen=True)
class Turn:
    """One turn: what is asked, in a sentence that an untouched cell is answered with, and how it is judged."""

    name: str
    task: str
    well: str
    """What is said when it is right: what to take along."""
    how: Callable[[Lesson, tuple[Any, ...]], str | Report | Replay | None] = field(repr=False)
    """What is wrong with an answer; None: nothing."""

    def judge(self, lesson: Lesson, answers: tuple[Any, ...]) -> Outcome:
        """Whether the answers do what was asked. Whatever they raise is part of the verdict."""
        try:
            wrong = self.how(lesson, answers)
        except NotImplementedError:
            return NotSolvedYet(self.name, self.task)
        except Told as error:
            return NotSolvedYet(self.name, str(error))
        except BadSchedule as error:
            return NotSolvedYet(self.name, f"{str(error)[:1].upper()}{str(error)[1:]}.")
        except Exception as error:  # a reader's own code may raise anything
            return NotSolvedYet(
                self.name, f"Your code raises {': '.join(filter(None, (type(error).__name__, str(error))))}"
            )
        if wrong is None:
            return Solved(self.name, self.well)
        if isinstance(wrong, str):
            return NotSolvedYet(self.name, wrong or self.task)
        if isinstance(wrong, Report) and isinstance(wrong.verdict, NotChecked):
            unsolved = "not solved yet" in wrong.verdict.reason
            return NotSolvedYet(self.name, self.task if unsolved else wrong.verdict.reason)
        return NotSolvedYet(self.name, self.task, wrong)


def part(name: str, after: Sequence[Callable[..., Any]] = ()) -> Callable[[Lesson, tuple[Any, ...]], Report | None]:
    """Judged as a lesson's part is, under every schedule; ``after``: functions that are given."""

    def how(lesson: Lesson, answers: tuple[Any, ...]) -> Report | None:
        report = lesson.report(name, *answers, *after)
        return None if report.passed else report

    return how


def schedule(
    name: str, wanted: str, *, with_: str = "", without: str = "", scenario: int = 1
) -> Callable[[Lesson, tuple[Any, ...]], str | Report | Replay | None]:
    """A schedule, and the functions that it is to break: the run has to end as ``wanted``, with the signs ``with_`` in
    the schedule and none of ``without``."""

    def how(lesson: Lesson, answers: tuple[Any, ...]) -> str | Report | Replay | None:
        text, *functions = answers
        if not isinstance(text, str):
            return f'A schedule is a text such as "AA A!"; this is of type {type(text).__name__}.'
        if not text.strip():
            return ""
        shown = lesson.replay(name, *functions, schedule=text, scenario=scenario)
        if isinstance(shown, Report):
            return shown
        if wanted not in shown.headline:
            return shown
        for sign in with_:
            if sign not in text:
                return f"It ends as asked: {wanted}. This time do it with a {sign} in the schedule."
        for sign in without:
            if sign in text:
                return f"It ends as asked: {wanted}. This time do it without {sign}."
        return None

    return how


def examples(
    call: Callable[..., Any], words: str, *cases: tuple[tuple[Any, ...], Any]
) -> Callable[[Lesson, tuple[Any, ...]], str | None]:
    """``call(answer, *arguments)`` has to give what is written beside the arguments. ``words``: what that is, with
    ``{}`` for the arguments; the sentence goes on with the value."""

    def how(_: Lesson, answers: tuple[Any, ...]) -> str | None:
        for arguments, must in cases:
            found = call(*answers, *arguments)
            if found != must:
                return f"{words.format(', '.join(map(repr, arguments)))} {found!r}, must be {must!r}."
        return None

    return how
