"""What an instructor wants to know of the class, without anybody's name: points, and which mistakes were made."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Sequence
from typing import Any

from ...exploration.diagnosis.names import DIAGNOSES
from ..result import Kind, SubmissionResult

_WIDEST = 30


def as_data(results: Sequence[SubmissionResult], rule: str) -> dict[str, Any]:
    """The summary as plain data."""
    exercises = sorted({result.exercise for result in results if result.exercise})
    parts = [part for result in results for part in result.parts]
    kinds = Counter(part.kind for part in parts)
    absent = [result for result in results if result.nothing]
    results = [result for result in results if not result.nothing]
    whole = [result for result in results if not result.parts]
    mistakes = Counter(part.diagnosis for part in parts if part.diagnosis)
    return {
        "submissions": len(results),
        "learners": len({result.learner for result in results}),
        "counts": rule,
        "kinds": {kind.value: kinds[kind] for kind in Kind},
        "nothing": len(absent),
        "not_usable": sum(not result.fault for result in whole),
        "faults": sum(result.faults for result in results),
        "untrusted": sum(not result.trusted for result in results),
        "isolation": sorted({", ".join(result.isolation) for result in results if result.isolation}),
        "versions": sorted({result.version for result in results if result.version}),
        "exercises": [_exercise(name, [r for r in results if r.exercise == name]) for name in exercises],
        "mistakes": [
            {"diagnosis": name, "times": times, "about": DIAGNOSES.get(name, "")}
            for name, times in sorted(mistakes.items(), key=lambda item: (-item[1], item[0]))
        ],
    }


def _exercise(name: str, results: Sequence[SubmissionResult]) -> dict[str, Any]:
    points = Counter(result.points for result in results)
    most = max(result.max_points for result in results)
    parts = {part.part: part.max_points for result in results for part in result.parts}
    right = Counter(part.part for result in results for part in result.parts if part.kind is Kind.RIGHT)
    middle = sorted(result.points for result in results)
    return {
        "exercise": name,
        "submissions": len(results),
        "median": (middle[(len(middle) - 1) // 2] + middle[len(middle) // 2]) / 2,
        "max_points": most,
        "distribution": [{"points": n, "submissions": points[n]} for n in range(most + 1)],
        "parts": [{"part": part, "right": right[part], "of": len(results)} for part in parts],
    }


def as_text(data: dict[str, Any]) -> str:
    """The summary for a terminal."""
    lines = [
        f"{data['submissions']} submissions of {data['learners']} learners "
        f"(of several attempts the {data['counts']} counts)"
    ]
    for exercise in data["exercises"]:
        lines += ["", f"{exercise['exercise']}   median {exercise['median']:g} of {exercise['max_points']} points"]
        most = max(row["submissions"] for row in exercise["distribution"]) or 1
        for row in exercise["distribution"]:
            count = row["submissions"]
            bar = "█" * -(-count * _WIDEST // most)
            lines.append(f"  {row['points']:>3} points  {count:>4}  {bar}".rstrip())
        for part in exercise["parts"]:
            lines.append(f"  {part['part']:<26} right {part['right']} of {part['of']}")
    if data["mistakes"]:
        lines += ["", "Mistakes of the class, the most frequent first: what to explain next"]
        for mistake in data["mistakes"]:
            lines.append(f"  {mistake['times']:>4} × {mistake['diagnosis']}")
            lines += textwrap.wrap(mistake["about"], 100, initial_indent=" " * 9, subsequent_indent=" " * 9)
    kinds = ", ".join(f"{count} {kind}" for kind, count in data["kinds"].items() if count)
    lines += ["", f"Parts: {kinds or 'none'}"]
    if data["not_usable"]:
        lines.append(f"Notebooks that could not be used: {data['not_usable']} (grades.csv says why)")
    if data["nothing"]:
        lines.append(f"Handed in nothing: {data['nothing']}")
    if data["faults"]:
        lines.append(f"FAULTS OF THE GRADER: {data['faults']} submissions. They say nothing about the answers")
    for isolation in data["isolation"]:
        lines.append(f"Isolation: {isolation}")
    if data["untrusted"]:
        lines.append(f"UNTRUSTED: {data['untrusted']} submissions were graded without isolation")
    return "\n".join(lines)
