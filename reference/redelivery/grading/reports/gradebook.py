"""Which attempt counts; ``grades.csv``, one row a learner; ``grades-long.csv``, one row for each that counts."""

from __future__ import annotations

import csv
import io
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Literal

from ...exercises.catalogue import EXERCISES
from ..policy import Final, moment_of
from ..result import SubmissionResult

Rule = Literal["latest", "best"]
#: With these a spreadsheet takes a text for a formula (https://owasp.org, CSV injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
#: The same after what separates cells where the comma is that of decimals.
_FORMULA_WITHIN = re.compile(r";(\s*)(?=[=+\-@＝＋－＠])")
_FIRST = ("learner", "exercise", "points", "max_points")
_LAST = ("not_run", "problem", "attempt", "counts", "file", "version", "isolation", "trusted", "seed")


def counting(results: Iterable[SubmissionResult], rule: Rule) -> list[SubmissionResult]:
    """For each learner and exercise the attempt that counts, by learner and exercise.

    A notebook that can't be used belongs to no exercise; it is kept beside the others.
    """

    def place(result: SubmissionResult) -> tuple[str, str]:
        return (result.learner, result.exercise)

    def late(result: SubmissionResult) -> tuple[str, str, str]:
        moment = moment_of(result.attempt)
        return (moment.isoformat() if moment else result.attempt, result.file, result.digest)

    kept: list[SubmissionResult] = []
    for (_, exercise), several in groupby(sorted(results, key=lambda r: (place(r), late(r))), key=place):
        attempts = list(several)
        if not exercise:
            kept += attempts
        elif rule == "best":
            kept.append(max(attempts, key=lambda r: (r.points, late(r))))
        else:
            kept.append(attempts[-1])
    return kept


def beside(results: Iterable[SubmissionResult], kept: Sequence[SubmissionResult]) -> dict[tuple[str, str], list[str]]:
    """The files that don't count since another of the same learner and exercise does, by (learner, exercise)."""
    counts = {id(result) for result in kept}
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for result in results:
        if id(result) not in counts:
            found[result.learner, result.exercise].append(result.file)
    return dict(found)


def part_columns(results: Sequence[SubmissionResult]) -> list[tuple[str, str, int]]:
    """(exercise, part, points there are) of all exercises that occur, in the order of the course."""
    there = {result.exercise for result in results}
    return [(n, part.grade_id, part.points) for n, parts in EXERCISES.items() if n in there for part in parts]


def to_wide_csv(finals: Sequence[Final], uploads: Mapping[tuple[str, str], Sequence[str]]) -> str:
    """One row for each learner: the sum, what there was to earn in the exercises of the class, and each part."""
    columns = part_columns([final.result for final in finals])
    most = sum(points for _, _, points in columns)
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    titles = [f"{exercise}/{part} ({points})" for exercise, part, points in columns]
    writer.writerow(["learner", "total", "maximum", *titles, "late", "taken_off", "uploads", "by_hand", "problem"])
    by_learner: dict[str, list[Final]] = defaultdict(list)
    for final in finals:
        by_learner[final.result.learner].append(final)
    for learner, own in sorted(by_learner.items()):
        points = {(one.result.exercise, part): value for one in own for part, value in one.points.items()}
        several = [name for (who, _), files in uploads.items() if who == learner for name in files]
        late = [one for one in own if one.late_seconds]
        row = [
            learner,
            number(sum(one.total for one in own)),
            str(most),
            *(number(points[e, p]) if (e, p) in points else "" for e, p, _ in columns),
            "; ".join(f"{one.result.exercise} {in_words(one.late_seconds)}".strip() for one in late),
            "; ".join(f"{one.result.exercise} {one.percent:g}%".strip() for one in own if one.percent),
            f"not counted: {', '.join(several)}" if several else "",
            "; ".join(note for one in own for note in one.notes),
            "; ".join(dict.fromkeys(one.result.problem for one in own if one.result.problem)),
        ]
        writer.writerow([harmless(cell) for cell in row])
    return text.getvalue()


def number(points: float) -> str:
    """Points without zeros that say nothing."""
    return f"{round(points, 2):g}"


def in_words(seconds: float) -> str:
    """A time in days and hours, or in minutes where it is short."""
    if seconds < 3600:
        return f"{max(int(seconds // 60), 1)} min"
    days, hours = divmod(int(seconds // 3600), 24)
    return f"{days} d {hours} h" if days else f"{hours} h"


def to_csv(results: Sequence[SubmissionResult], rule: Rule) -> str:
    """One row for each result, one column for each part that any of the exercises has."""
    there = {result.exercise for result in results}
    names = [part.grade_id for name, parts in EXERCISES.items() if name in there for part in parts]
    parts = list(dict.fromkeys(names))
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*_FIRST, *parts, *_LAST])
    for result in results:
        points = {part.part: str(part.points) for part in result.parts}
        not_run = " ".join(part.part for part in result.parts if part.kind.value in ("not run", "grader fault"))
        row = [
            result.learner,
            result.exercise,
            str(result.points),
            str(result.max_points),
            *(points.get(part, "") for part in parts),
            not_run,
            result.problem,
            result.attempt,
            rule,
            result.file,
            result.version,
            ", ".join(result.isolation),
            "yes" if result.trusted else "no: untrusted",
            str(result.seed) if result.exercise else "",
        ]
        writer.writerow([harmless(cell) for cell in row])
    return text.getvalue()


def harmless(cell: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    cell = _FORMULA_WITHIN.sub(r";\1'", cell)
    return f"'{cell}" if cell.lstrip().startswith(_FORMULA) and not _is_number(cell) else cell


def _is_number(cell: str) -> bool:
    return cell.removeprefix("-").isdecimal()
