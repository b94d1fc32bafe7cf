"""No answer of an exercise's part stands in a lesson: what each defines is handed in for every part, in every way that
the parts' parameters allow, and every schedule that stands in one for every consumer that is to be broken."""

from __future__ import annotations

import ast
import inspect
import itertools
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from redelivery.checking.handler_part import HandlerPart
from redelivery.checking.part import NotChecked, Withstood
from redelivery.exercises.break_it import BreakIt
from redelivery.exercises.catalogue import EXERCISES
from redelivery.exercises.claims import ClaimsPart
from redelivery.simulation.memory import CannotCopy
from redelivery.simulation.program import FunctionProgram
from tests.lesson_cells import LESSONS, code_cells, run

SEARCHED = [
    (exercise, part) for exercise, parts in EXERCISES.items() for part in parts if isinstance(part, HandlerPart)
]
BROKEN = [(exercise, part) for exercise, parts in EXERCISES.items() for part in parts if isinstance(part, BreakIt)]
CLAIMED = [(exercise, part) for exercise, parts in EXERCISES.items() for part in parts if isinstance(part, ClaimsPart)]
SCHEDULE = re.compile(r"[A-Z+!~^?@\- ]*[A-Z][A-Z+!~^?@\- ]*")


def named(parts: list[tuple[str, Any]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(("exercise", "part"), parts, ids=[f"{name[:2]}-{p.grade_id}" for name, p in parts])


@cache
def defined(path: Path) -> tuple[Any, ...]:
    """The functions and classes of a lesson, whatever name they ended under."""
    _, before = run(path)
    names, _ = run(path)
    found: dict[int, Any] = {}
    for space in (*before.values(), names):
        for value in space.values():
            is_code = inspect.isfunction(value) or inspect.isclass(value)
            if is_code and getattr(value, "__module__", None) == "__main__":
                found[id(value)] = value
    return tuple(found.values())


def takes(value: Any, wanted: tuple[str, ...]) -> bool:
    """Whether it is called as the part calls it; the lessons and the parts name their parameters alike."""
    try:
        parameters = inspect.signature(value).parameters.values()
    except (TypeError, ValueError):
        return False
    return tuple(p.name for p in parameters if p.default is p.empty) == wanted


def candidates(part: HandlerPart, path: Path) -> Iterator[dict[str, Any]]:
    """Every way to hand a lesson's functions in for a part."""
    wanted = [(name, parameters) for name, parameters in part.signatures if "." not in name]
    kinds = [
        [one for one in defined(path) if takes(one, parameters) and inspect.isclass(one) == name[0].isupper()]
        for name, parameters in wanted
    ]
    for chosen in itertools.product(*kinds):
        yield dict(zip((name for name, _ in wanted), chosen, strict=True))


def is_right(exercise: str, part: HandlerPart, functions: dict[str, Any]) -> bool:
    """Whether it is proved. The first scenarios refute most, so the others are only asked of what passes these."""
    try:
        program = FunctionProgram(functions)
    except CannotCopy:
        return False
    first = replace(part, scenarios=part.scenarios[:2], drawn=None, crowd=None)
    return first.check(exercise, program).passed and part.check(exercise, program).passed


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
@named(SEARCHED)
def test_no_lesson_holds_an_answer(exercise: str, part: HandlerPart, path: Path) -> None:
    right = []
    for functions in candidates(part, path):
        if is_right(exercise, part, functions):
            right.append({name: value.__qualname__ for name, value in functions.items()})
    assert right == []


def schedules(path: Path) -> set[str]:
    """Every text that can be read as a schedule: in the cells, in what they print, and in the texts."""
    import nbformat

    found = set()
    for cell in code_cells(path):
        texts = [n.value for n in ast.walk(ast.parse(cell.source)) if isinstance(n, ast.Constant)]
        found |= {text for text in texts if isinstance(text, str)}
        shown = [o.get("text") or o.get("data", {}).get("text/plain", "") for o in cell.outputs]
        found |= set(re.findall(r"(?:Schedule: +|schedule=\"|\()([^\s\"()][^\"()\n]*)", "\n".join(shown)))
        found |= set("\n".join(shown).split("\n"))
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "markdown":
            found |= set(re.findall(r"`([^`\n]+)`", cell.source))
            found |= {a or b for a, b in re.findall(r"<code>([^<\n]+)</code>|<b>([^<\n]+)</b>", cell.source)}
    return {text.strip() for text in found if SCHEDULE.fullmatch(text.strip())}


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
@named(BROKEN)
def test_no_schedule_of_a_lesson_breaks_what_is_to_be_broken(exercise: str, part: BreakIt, path: Path) -> None:
    assert len(schedules(path)) >= 2
    assert [text for text in schedules(path) if part.judge(exercise, text).passed] == []


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
@named(CLAIMED)
def test_no_lesson_claims_what_is_to_be_claimed(exercise: str, part: ClaimsPart, path: Path) -> None:
    _, before = run(path)
    values = [value for space in before.values() for value in space.values() if isinstance(value, dict)]
    assert [value for value in values if part.judge(exercise, value).passed] == []


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_most_functions_of_a_lesson_are_found(path: Path) -> None:
    written = sum(len(re.findall(r"^(?:def|class) ", cell.source, re.MULTILINE)) for cell in code_cells(path))
    assert len(defined(path)) >= 0.9 * written


def test_an_answer_would_be_found() -> None:
    """The solutions' own answers are right by the same judge, and a schedule that is one is no refusal."""
    [(exercise, part)] = [(name, part) for name, part in SEARCHED if part.grade_id == "record_and_check"]
    names: dict[str, Any] = {}
    claim = """
def handle(message, db):
    with db.atomic():
        if db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id]).rowcount == 1:
            body = message.body
            db.execute("UPDATE account SET balance = balance + ? WHERE id = ?", [body["amount"], body["account"]])
"""
    exec(compile(claim, "<claim>", "exec"), names)
    assert is_right(exercise, part, {"handle": names["handle"]})


@named(BROKEN)
def test_the_first_schedules_that_come_to_mind_are_no_answer(exercise: str, part: BreakIt) -> None:
    refused = [part.judge(exercise, text).verdict for text in ("AAA A!", "AA A!", "A A!")]
    assert all(isinstance(verdict, NotChecked | Withstood) for verdict in refused)
