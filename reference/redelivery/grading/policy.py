"""What a teacher adds to the points that were judged: lateness, and points given by hand."""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .result import Kind, PartResult, SubmissionResult
from .roster import BadRoster, rows_of_csv

_UNITS = {"hour": 3600, "day": 86_400, "week": 604_800}
_LATE = re.compile(
    r"^\s*(?P<rate>\d+(?:\.\d+)?)\s*%\s*(?:(?:an?|per|every|each)\s+(?P<unit>hour|day|week)|(?P<once>once))"
    r"(?:\s*,?\s*at\s+most\s+(?P<most>\d+(?:\.\d+)?)\s*%)?\s*$",
    re.IGNORECASE,
)
#: The name under which ``overrides.csv`` changes what is taken off for lateness, in percent.
LATE = "late"


class BadPolicy(Exception):
    """A policy, a date or a list of overrides can't be read; the message says what was expected."""


def moment_of(text: str) -> datetime.datetime | None:
    """The moment that a text names; one without a time zone is of this machine's. None where it names none."""
    text = text.strip()
    for ending in (" UTC", "Z"):
        if text.endswith(ending):
            text = text.removesuffix(ending) + "+00:00"
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        return None
    try:
        return moment.astimezone(datetime.UTC)
    except (OverflowError, OSError, ValueError):
        return None


def due_of(text: str) -> datetime.datetime:
    """The moment until which something is in time; a date alone means its end.

    Raises:
        BadPolicy: it is none.
    """
    moment = moment_of(text + "T23:59:59" if re.fullmatch(r"\d{4}-\d\d-\d\d", text.strip()) else text)
    if moment is None:
        raise BadPolicy(f"--due {text!r} is no date. Expected 2026-11-29, 2026-11-29T18:00 or 2026-11-29T18:00+01:00")
    return moment


@dataclass(frozen=True, slots=True)
class Late:
    """``rate`` percent for each begun ``unit`` of seconds (None: once), at most ``most`` percent."""

    rate: float = 0.0
    unit: int | None = None
    most: float = 100.0

    @classmethod
    def of(cls, text: str) -> Late:
        """The policy in words, such as ``10% a day, at most 50%``.

        Raises:
            BadPolicy: it is none.
        """
        match = _LATE.match(text)
        if match is None:
            raise BadPolicy(
                f'--late {text!r} is no policy. Expected "10% a day, at most 50%", "5% an hour" or "20% once"'
            )
        unit = _UNITS[match["unit"].lower()] if match["unit"] else None
        return cls(float(match["rate"]), unit, min(float(match["most"] or 100), 100.0))

    def percent(self, seconds: float) -> float:
        """What is taken off for so many seconds."""
        if seconds <= 0:
            return 0.0
        return min(self.rate * (1 if self.unit is None else math.ceil(seconds / self.unit)), self.most)


@dataclass(frozen=True, slots=True)
class Override:
    """Points that somebody has given by hand. ``part``: ``PART``, ``EXERCISE/PART`` or ``late``."""

    learner: str
    part: str
    points: float
    reason: str


def read_overrides(path: Path) -> list[Override]:
    """The overrides in a file with the columns ``learner``, ``part``, ``points`` and ``reason``.

    Raises:
        BadPolicy: it can't be read; with the number of the line.
    """
    try:
        titles, rows = rows_of_csv(path)
    except BadRoster as error:
        raise BadPolicy(str(error)) from None
    missing = [title for title in ("learner", "part", "points", "reason") if title not in titles]
    if missing:
        raise BadPolicy(f"{path} has no column {missing[0]}. Expected: learner,part,points,reason")
    found = []
    for number, row in enumerate(rows, 2):
        try:
            points = float(row.get("points", ""))
        except ValueError:
            points = math.nan
        if not math.isfinite(points) or points < 0:
            said = row.get("points", "")
            raise BadPolicy(f"{path}, line {number}: expected a number of points from 0; it is {said!r}")
        if not row.get("learner") or not row.get("part"):
            raise BadPolicy(f"{path}, line {number}: expected a learner and a part")
        found.append(Override(row["learner"], row["part"], points, row.get("reason", "")))
    return found


@dataclass(frozen=True, slots=True)
class Final:
    """A result with what the teacher's rules make of it."""

    result: SubmissionResult
    points: Mapping[str, float]
    """Of each part, after overrides and before lateness."""
    late_seconds: float
    """How long after the moment it was due; 0 where it was in time, or nothing is known of it."""
    percent: float
    """What is taken off for that."""
    notes: tuple[str, ...] = ()
    """What was changed by hand, and why."""

    @property
    def total(self) -> float:
        """Points that count."""
        return round(sum(self.points.values()) * (1 - self.percent / 100), 2)


def partial_credit(part: PartResult) -> int:
    """Points for a part that is made of several answers, each yes or no, of which some are right.

    A wrong one takes away what a right one gives: who guesses gets nothing.
    """
    right, of = part.details.get("right"), part.details.get("of")
    if type(right) is not int or type(of) is not int or not 0 <= right <= of or part.kind is not Kind.WRONG:
        return 0
    return part.max_points * max(2 * right - of, 0) // of


def finals(
    results: Sequence[SubmissionResult],
    due: datetime.datetime | None,
    late: Late,
    overrides: Sequence[Override],
    partial: bool = False,
) -> tuple[list[Final], list[Override]]:
    """Each result with lateness, overrides and (``partial``) `partial_credit`; and the overrides that fit nothing."""
    used: set[int] = set()
    found = []
    for result in results:
        moment = moment_of(result.attempt) if due is not None and result.attempt else None
        seconds = max((moment - due).total_seconds(), 0.0) if moment is not None and due is not None else 0.0
        percent = late.percent(seconds)
        points = {p.part: float(max(p.points, partial_credit(p) if partial else 0)) for p in result.parts}
        notes = []
        for number, one in enumerate(overrides):
            # As it is called, or as the gradebook writes what a spreadsheet would take for a formula.
            if one.learner not in (result.learner, f"'{result.learner}") or not result.parts:
                continue
            name = one.part.removeprefix(f"{result.exercise}/")
            if name == LATE:
                notes.append(f"late: {percent:g}% → {one.points:g}% ({one.reason})")
                percent = min(one.points, 100.0)
            elif name in points:
                notes.append(f"{name}: {points[name]:g} → {one.points:g} ({one.reason})")
                points[name] = one.points
            else:
                continue
            used.add(number)
        found.append(Final(result, points, seconds, percent, tuple(notes)))
    return found, [one for number, one in enumerate(overrides) if number not in used]
