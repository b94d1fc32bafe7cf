"""Which attempt counts, and ``grades.csv``."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Literal

from ...exercises.catalogue import EXERCISES
from ..result import SubmissionResult

Rule = Literal["latest", "best"]
#: With these a spreadsheet takes a text for a formula (https://owasp.org, CSV injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_FIRST = ("learner", "exercise", "points", "max_points")
_LAST = ("not_run", "problem", "attempt", "counts", "file", "version", "isolation", "trusted")


def counting(results: Iterable[SubmissionResult], rule: Rule) -> list[SubmissionResult]:
    """For each learner and exercise the attempt that counts, by learner and exercise.

    A notebook that can't be used belongs to no exercise; it is kept beside the others.
    """

    def place(result: SubmissionResult) -> tuple[str, str]:
        return (result.learner, result.exercise)

    def late(result: SubmissionResult) -> tuple[str, str, str]:
        return (result.attempt, result.file, result.digest)

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
        ]
        writer.writerow([harmless(cell) for cell in row])
    return text.getvalue()


def harmless(cell: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA) and not _is_number(cell) else cell


def _is_number(cell: str) -> bool:
    return cell.lstrip("-").isdigit()
