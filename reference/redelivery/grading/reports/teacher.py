"""``class.html``: the class at a glance for whoever teaches it, complete in itself; and ``summary.md``, for a log.

Distribution of points, mistakes with an example each, what takes time, who needs a look. It names learners, so it is
not for the class; ``summary.txt`` is.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from ...exploration.diagnosis.names import DIAGNOSES
from ..policy import Final
from ..result import Kind, PartResult
from .feedback import _template
from .gradebook import in_words, number
from .similarity import Pair

#: Lines of an example.
_MOST_LINES = 40


def page(
    finals: Sequence[Final],
    data: Mapping[str, Any],
    pairs: Sequence[Pair],
    uploads: Mapping[tuple[str, str], Sequence[str]],
    strangers: Sequence[str] = (),
) -> str:
    """The page. ``data``: `summary.as_data`."""
    parts = [(final, part) for final in finals for part in final.result.parts]
    examples: dict[str, tuple[str, PartResult]] = {}
    for final, part in parts:
        if part.diagnosis and (
            part.diagnosis not in examples or len(part.answer) < len(examples[part.diagnosis][1].answer)
        ):
            examples[part.diagnosis] = (final.result.learner, part)
    most = max((mistake["times"] for mistake in data["mistakes"]), default=1)
    mistakes = [
        {
            **mistake,
            "width": round(100 * mistake["times"] / most),
            "learner": examples[mistake["diagnosis"]][0],
            "example": _example(examples[mistake["diagnosis"]][1]),
        }
        for mistake in data["mistakes"]
    ]
    slow = sorted(finals, key=lambda final: -final.result.seconds)[:10]
    return str(
        _template("class.html").render(
            data=data,
            exercises=[_with_widths(exercise) for exercise in data["exercises"]],
            mistakes=mistakes,
            slow=[(final.result.learner, final.result.exercise, f"{final.result.seconds:.1f}") for final in slow],
            look=_to_look_at(finals, uploads, strangers),
            pairs=pairs,
        )
    )


def _with_widths(exercise: Mapping[str, Any]) -> dict[str, Any]:
    most = max((row["submissions"] for row in exercise["distribution"]), default=0) or 1
    rows = [{**row, "width": round(100 * row["submissions"] / most)} for row in exercise["distribution"]]
    parts = [{**part, "width": round(100 * part["right"] / max(part["of"], 1))} for part in exercise["parts"]]
    return {**exercise, "distribution": rows, "parts": parts}


def _example(part: PartResult) -> dict[str, Any]:
    lines = part.answer.splitlines()
    line = part.details.get("line")
    line = line if isinstance(line, int) and 0 < line <= len(lines) else None
    start = max(0, (line or 0) - _MOST_LINES // 2) if len(lines) > _MOST_LINES else 0
    return {
        "part": part.part,
        "why": part.explanation[:1000],
        "line": line,
        "lines": list(enumerate(lines, 1))[start : start + _MOST_LINES],
    }


def _to_look_at(
    finals: Sequence[Final], uploads: Mapping[tuple[str, str], Sequence[str]], strangers: Sequence[str]
) -> list[tuple[str, str]]:
    found = [(f.result.learner, f.result.problem) for f in finals if f.result.problem]
    for final in finals:
        for part in final.result.parts:
            if part.kind is Kind.FAULT or (part.kind is Kind.NOT_RUN and not part.details.get("unsolved")):
                found.append((final.result.learner, f"{part.part}: {part.explanation[:300]}"))
        if final.late_seconds:
            found.append((final.result.learner, f"{final.result.exercise}: late by {in_words(final.late_seconds)}"))
        found += [(final.result.learner, f"by hand: {note}") for note in final.notes]
    for (learner, exercise), files in uploads.items():
        found.append((learner, f"{exercise}: several uploads; not counted: {', '.join(files)}"))
    found += [(learner, "is not in the roster") for learner in strangers]
    return found


def markdown(finals: Sequence[Final]) -> str:
    """Points a part as a table in Markdown, without names where there is one learner only."""
    alone = len({final.result.learner for final in finals}) == 1
    by: dict[str, list[Final]] = defaultdict(list)
    for final in finals:
        by[final.result.learner].append(final)
    lines: list[str] = []
    for learner, own in sorted(by.items()):
        most = sum(final.result.max_points for final in own)
        who = "Points" if alone else _cell(learner)
        lines += [f"## {who}: {number(sum(f.total for f in own))} of {most}", ""]
        lines += ["| exercise | part | points | result |", "|---|---|---:|---|"]
        for final in own:
            if final.result.problem:
                lines.append(f"| {_cell(final.result.file)} | | 0 | {_cell(final.result.problem)} |")
            for part in final.result.parts:
                points = f"{number(final.points[part.part])}/{part.max_points}"
                lines.append(f"| {final.result.exercise} | {part.part} | {points} | {_cell(_said(part))} |")
            if final.percent:
                late = f"late by {in_words(final.late_seconds)}" if final.late_seconds else "late"
                lines.append(f"| {final.result.exercise} | | −{final.percent:g}% | {late} |")
        lines.append("")
    mistakes = Counter(part.diagnosis for f in finals for part in f.result.parts if part.diagnosis)
    if mistakes and not alone:
        lines += ["## Mistakes", "", "| times | mistake | |", "|---:|---|---|"]
        lines += [f"| {n} | {name} | {_cell(DIAGNOSES.get(name, ''))} |" for name, n in mistakes.most_common()]
    return "\n".join(lines).rstrip() + "\n"


def _said(part: PartResult) -> str:
    word = {"right": "✓ proved", "wrong": "✗", "not run": "– not run", "grader fault": "! grader fault"}[
        part.kind.value
    ]
    about = part.explanation if part.kind is not Kind.RIGHT else ""
    return f"{word} {part.diagnosis or ''} {about}".replace("  ", " ").strip()


def _cell(text: str) -> str:
    """A text that stays in its cell and is no markup."""
    text = "".join(c if c.isprintable() else " " for c in text)[:400]
    return text.translate({ord(sign): f"&#{ord(sign)};" for sign in "\\`*_{}[]<>#|!~@&"})
