"""What a check gave, as an object and as text for a terminal."""

from __future__ import annotations

import os
import re
import shutil
import sys
import textwrap
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..checking.part import Replay, Report
from ..display.numbers import schedules_words
from ..display.page import staged
from ..display.plain import plain
from ..display.timeline import Timeline
from ..exploration.diagnosis import Diagnosis
from ..exploration.replay import Run
from ..exploration.verdict import Proved, Refuted, Stuck, Undetermined
from ..simulation.guards import OTHER_DATABASE
from ..simulation.operations import SqlFailure
from .claims import MUST_BE_REFUSED, described
from .mistakes import CannotCheck
from .second_look import moment, second_look
from .terminal import picture

if TYPE_CHECKING:
    from .check import _Prepared


#: Characters of a line where there is no terminal: in a notebook, in a file. The same on each machine.
_NO_TERMINAL = 100


#: Where the schedule stands in a command, after the number of the check that it is of.
_PLACE = re.compile(r"((?:#\d+:)?)\{\}")
_LINE_ENDS = re.compile(r"(?:\\n|\s)+")


def _width() -> int:
    return shutil.get_terminal_size((_NO_TERMINAL, 24)).columns if sys.stdout.isatty() else _NO_TERMINAL


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, max(width, 40), break_long_words=False, break_on_hyphens=False)


def near(file: str) -> str:
    """A path as one would type it."""
    try:
        near = os.path.relpath(file)
    except ValueError:
        return file
    return file if near.startswith(".." + os.sep + "..") else near


@dataclass(frozen=True)
class Result:
    """What a check gave."""

    name: str
    """What was checked."""
    report: Report
    ends_with: str
    """What is in the stores where a run ends wrong, and when that is."""
    again: str = ""
    """The command that replays a schedule, with ``{}`` for it."""
    width: int | None = None
    hint: str = ""
    """What to do where something is not simulated."""

    @classmethod
    def of(cls, prepared: _Prepared, report: Report) -> Result:
        """From the report of a search."""
        run = report.run
        judge = prepared.judge
        ends_right = run is not None and run.ended and judge.at_end(run.final) is None
        left = ""
        if run is not None and run.wrong is not None:
            then = moment(run) if ends_right and run.scenario.hears is None else None
            left = f"After step {then.number}: " if then is not None else _ends(run)
            left += described(then.contents if then is not None else run.final, judge.columns)
        settings = prepared.settings
        if prepared.services and report.bounds:
            lost = {"asks": True, "lost_answers": prepared.scenarios[0].bounds.lost_answers}
            report = replace(report, bounds={**report.bounds, **lost})
        report = replace(report, source=prepared.program.source_line, whole_source=prepared.program.source)
        if run is not None and run.wrong is not None and run.wrong.endswith(MUST_BE_REFUSED):
            report = replace(report, diagnosis=_accepted(run))
        elif run is not None and report.diagnosis is not None:
            report = replace(report, diagnosis=second_look(report.diagnosis, run, prepared.undisturbed, ends_right))
        opens = isinstance(report.verdict, Undetermined) and OTHER_DATABASE in report.verdict.reason
        hint = "; say with database= which path it opens" if opens and prepared.check.database is None else ""
        return cls(report.part, report, left, settings.again, settings.width, hint)

    @property
    def verdict(self) -> str:
        """``proved``, ``refuted``, ``stuck`` (a message is never acknowledged) or ``undetermined``."""
        return self.report.verdict.name

    @property
    def proved(self) -> bool:
        """Whether all claims hold in every schedule within the bounds. Nothing else is a success."""
        return isinstance(self.report.verdict, Proved)

    @property
    def claim(self) -> str | None:
        """What does not hold, with its name; None where nothing was refuted."""
        return self.report.claim

    @property
    def mistake(self) -> str | None:
        """The name of the mistake, where it has one."""
        return self.report.diagnosis.name if self.report.diagnosis else None

    @property
    def sentence(self) -> str:
        """What happened, or why nothing can be said, in one sentence."""
        verdict = self.report.verdict
        if isinstance(verdict, Undetermined) and verdict.unsupported:
            reason = verdict.reason.replace("the answer uses", f"{self.name} uses").removesuffix(". Find another way")
            return reason.replace("this simulation", "the simulation") + self.hint
        text = _LINE_ENDS.sub(" ", self.report.explanation)  # an error's text may have several lines
        return text.replace("broke the answer", "broke it").replace("break the answer", "break it")

    @property
    def file(self) -> str | None:
        """The file of the line that a teacher would point at."""
        line = self._line
        return line[0] if line else None

    @property
    def line(self) -> int | None:
        """That line."""
        line = self._line
        return line[1] if line else None

    @property
    def _line(self) -> tuple[str, int] | None:
        if self.report.diagnosis is not None:
            return self.report.diagnosis.line
        verdict = self.report.verdict
        return verdict.line if isinstance(verdict, Undetermined) else None

    @property
    def schedules(self) -> int:
        """How many schedules were covered."""
        return self.report.schedules

    @property
    def schedule(self) -> str | None:
        """The smallest schedule that breaks it, as ``replay`` takes it; None where none does."""
        text = self.report.schedule
        if text is None:
            return None
        parts = [str(self.report.scenario)] if self.report.scenario != 1 else []
        if getattr(self.report.verdict, "journal", "wal") == "rollback":
            parts.append("rollback")
        return f"{'/'.join(parts)}:{text}" if parts else text

    @property
    def bounds(self) -> str:
        """Within which bounds, in words."""
        return self.report.bounds_words

    def to_json(self) -> dict[str, Any]:
        """As `redelivery check --json` prints it."""
        verdict = self.report.verdict
        return {
            "checked": self.name,
            "verdict": self.verdict,
            "claim": self.claim,
            "diagnosis": self.mistake,
            "explanation": self.sentence,
            "file": self.file,
            "line": self.line,
            "schedule": self.schedule,
            "schedules": self.schedules,
            "exhausted": self.proved,
            "bounds": dict(self.report.bounds),
            "limits": list(verdict.limits) if isinstance(verdict, Proved) else [],
        }

    # -- text ------------------------------------------------------------------------------------------

    def text(self, width: int | None = None) -> str:
        """For a terminal of so many columns (by default: the one that there is)."""
        width = width or self.width or _width()
        report, verdict = self.report, self.report.verdict
        lines = [self._headline()]
        if self.sentence:
            lines += _wrapped(self.sentence, width)
        if self._line is not None:
            source = report.source(*self._line)
            lines.append(f"  {near(self._line[0])}:{self._line[1]}" + (f"   {source}" if source else ""))
        if self.ends_with:
            lines += _wrapped(self.ends_with, width)
        if report.timeline is not None and report.run is not None:
            lines += ["", picture(report.run, report.timeline, width), ""]
        if self.bounds:
            lines += _wrapped(self.bounds, width)
        if isinstance(verdict, Refuted | Stuck):
            if isinstance(verdict, Stuck) and verdict.reason == "circle":
                lines.append("… and so on, in a circle.")
            lines += _wrapped(report.smallest, width)
            lines.append(f"Replay:  {self.replay_command}")
        return plain("\n".join(lines))

    @property
    def replay_command(self) -> str:
        """What to type to see the run again."""
        return _PLACE.sub(lambda found: f'"{found[1]}{self.schedule}"', self.again or "Check(…).replay({})")

    def _headline(self) -> str:
        verdict = self.report.verdict
        if isinstance(verdict, Proved):
            return f"PROVED   {self.name}   {schedules_words(verdict.schedules)}"
        if isinstance(verdict, Undetermined):
            return f"UNDETERMINED   {self.name}"
        words = [verdict.name.upper(), self.name, self.mistake or "", self.claim or ""]
        return "   ".join(word for word in words if word)

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return f"<{self.verdict}: {self.name}>"

    def html(self) -> str:
        """A page of its own."""
        return _page(self._headline(), staged(self._repr_html_(), self.report.film))

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return {"text/plain": self.text(100), "text/html": self._repr_html_()}

    def _repr_html_(self) -> str:
        again = replace(self.report, part=self.name)
        return again._repr_html_().replace(escape(again.again[1]), escape(self.replay_command))

    def write_html(self, path: Path) -> None:
        """Write the page to a file.

        Raises:
            CannotCheck: it can't be written there.
        """
        write_page(path, self)


def _ends(run: Run) -> str:
    """When that is left which is shown: after the last step, and after what is called once more then."""
    return "At the end, after one more run of the job: " if run.scenario.closing else "At the end: "


def _accepted(run: Run) -> Diagnosis:
    """Why a message was acknowledged that has to be refused."""
    name = str(run.wrong).split()[1]
    for event in run.events:
        for operation in event.operations:
            failure, line = operation.told, operation.line
            mine = event.message >= 0 and run.scenario.messages[event.message][0] == name
            if mine and isinstance(failure, SqlFailure) and failure.name == "IntegrityError":
                where = f"line {line[1]}" if line else "the handler"
                return Diagnosis(
                    "wrong-integrity-error",
                    f"Message {name} failed at {where} ({failure.text}), and was acknowledged all the same: not every "
                    "constraint that fails is a duplicate.",
                    line,
                )
    return Diagnosis("accepted-invalid", f"Message {name} was acknowledged, and nothing had refused it.")


@dataclass(frozen=True)
class Replayed:
    """One schedule, carried out."""

    name: str
    shown: Replay
    ends_with: str
    width: int | None = None
    prepared: Any = None

    @classmethod
    def of(cls, prepared: _Prepared, shown: Replay) -> Replayed:
        """From a replay."""
        left = described(shown.run.final, prepared.judge.columns)
        return cls(prepared.part().grade_id, shown, left, prepared.settings.width)

    @property
    def ends_right(self) -> bool:
        """Everything was acknowledged, and all claims hold."""
        return self.shown.ends_right

    @property
    def proved(self) -> bool:
        """One schedule proves nothing."""
        return False

    @property
    def run(self) -> Run:
        """Step by step."""
        return self.shown.run

    @property
    def timeline(self) -> Timeline:
        """The same as rows."""
        return self.shown.timeline

    def text(self, width: int | None = None) -> str:
        """For a terminal of so many columns."""
        width = width or self.width or _width()
        head = [f"{self.shown.headline}   {self.name}", *_wrapped(_ends(self.run) + self.ends_with, width)]
        return plain("\n".join([*head, "", picture(self.run, self.timeline, width), "", f"Schedule:  {self.run.text}"]))

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return f"<replayed: {self.name}>"

    def _repr_html_(self) -> str:
        return self.shown._repr_html_()

    def html(self) -> str:
        """A page of its own."""
        return _page(self.shown.headline, staged(self._repr_html_(), self.shown.film))


class NotProved(AssertionError):
    """The consumer is refuted or stuck, or nothing can be said of it; ``result`` holds what was found."""

    def __init__(self, result: Result | Replayed) -> None:
        super().__init__(result)
        self.result = result

    def __str__(self) -> str:
        return self.result.text()


NotProved.__module__ = "redelivery"  # as it is imported, and shown in failures


def write_page(path: Path, shown: Result | Replayed) -> None:
    """Write a page to a file.

    Raises:
        CannotCheck: it can't be written there.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(shown.html(), "utf-8")
    except OSError as error:
        raise CannotCheck(f"the page {path} can't be written ({error.strerror})") from None


def _page(title: str, body: str) -> str:
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(title)}</title></head>\n"
        f'<body style="font-family:system-ui,sans-serif;max-width:80rem;margin:1rem auto;padding:0 1rem">\n'
        f"{body}\n</body></html>\n"
    )
