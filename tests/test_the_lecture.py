"""The map of the lecture: every part and every question of it has a place, and leads to cells that teach it."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

import nbformat
import pytest

from tests.test_topics import LESSONS, TOPICS, taught

COURSE = Path(__file__).parents[1] / "course"
MAP = nbformat.read(COURSE / "94-the-lecture.ipynb", as_version=4)
LINK = re.compile(r"\]\(([^)#\s]+)#cell-id=([^)\s]+)\)")


def rows(cell_id: str) -> list[str]:
    [source] = [cell.source for cell in MAP.cells if cell.id == cell_id]
    return [line for line in source.splitlines() if re.match(r"\| (?!no\.|what )\w", line) or line.startswith('| "')]


ROWS = {row.split("|")[1].strip(): row for cell in ("arc", "questions", "beyond") for row in rows(cell)}


def test_the_map_has_every_topic_once_and_in_order() -> None:
    assert sorted(ROWS) == sorted(TOPICS)
    for cell, letter in (("questions", "Q"), ("beyond", "B")):
        numbers = [int(row.split("|")[1].strip()[1:]) for row in rows(cell)]
        assert numbers == list(range(1, len(numbers) + 1)), letter


@pytest.mark.parametrize("topic", TOPICS)
def test_a_place_on_the_map_leads_to_cells_that_teach_the_topic(topic: str) -> None:
    linked = [(file, cell) for file, cell in LINK.findall(ROWS[topic]) if not file.startswith("..")]
    assert linked
    by_name = {path.name: taught(notebook) for path, notebook in LESSONS.items()}
    assert [(file, cell) for file, cell in linked if unquote(cell) not in by_name[file].get(topic, [])] == []


def test_the_lecture_is_practised_in_exercises() -> None:
    practised = {part for row in rows("arc") for part in re.findall(r"\.\./exercises/[^#]+#cell-id=task-(\w+)", row)}
    assert len(practised) >= 12


def test_where_the_course_knows_better_leads_to_runs() -> None:
    found = [LINK.findall(row) for row in rows("better")]
    assert len(found) == 7
    for [(file, cell_id)] in found:
        cell = next(c for c in LESSONS[COURSE / file].cells if c.id == cell_id)
        assert cell.cell_type == "code" and cell.outputs, (file, cell_id)
