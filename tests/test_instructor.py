"""The instructor's guide: minutes that add up, names that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from redelivery.cli import _parser
from redelivery.exercises.catalogue import EXERCISES
from redelivery.exploration.diagnosis import DIAGNOSES

ROOT = Path(__file__).parents[1]
GUIDE = (ROOT / "course" / "instructor" / "README.md").read_text("utf-8")


def section(heading: str) -> str:
    found = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", GUIDE, re.MULTILINE | re.DOTALL)
    assert found is not None, heading
    return found[1]


@pytest.mark.parametrize(("heading", "minutes"), [("A workshop of 90 minutes", 90), ("A workshop of half a day", 240)])
def test_the_minutes_of_an_agenda_add_up(heading: str, minutes: int) -> None:
    rows = re.findall(r"^\|\s*(\d+)\s*\|", section(heading), re.MULTILINE)
    assert sum(map(int, rows)) == minutes


def test_mistakes_have_their_names() -> None:
    table = section("Where groups get stuck, and what to ask")
    names = [
        name
        for row in re.findall(r"^\|[^|]*\|([^|]*)\|", table, re.MULTILINE)
        for name in re.findall(r"`([^`]+)`", row)
    ]
    assert len(names) >= 12
    assert set(names) <= set(DIAGNOSES)


def test_commands_and_parts_exist() -> None:
    commands = set(re.findall(r"redelivery (grade|check|replay|verify|reset|progress)\b", GUIDE))
    known = _parser().format_help()
    assert {"grade", "verify", "replay", "reset"} <= commands
    assert all(command in known for command in commands)
    parts = {part.grade_id for parts in EXERCISES.values() for part in parts}
    assert {"record_and_check", "versioned_balance", "at_least_once", "break_it"} <= parts & set(
        re.findall(r"`(\w+)`", GUIDE)
    )


def test_places_named_in_the_lessons_are_there() -> None:
    """What stands in italics in the agendas is a heading, or the beginning of one, of its lesson."""
    agendas = section("A workshop of 90 minutes") + section("A workshop of half a day")
    lessons = "".join(path.read_text("utf-8") for path in (ROOT / "course").glob("*.ipynb"))
    for name in re.findall(r"\*([A-Z][^*]+)\*", agendas):
        if name != "Grading":
            assert re.search(rf'"(?:## |### |\*\*){re.escape(name)}', lessons), name
