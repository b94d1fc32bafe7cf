"""The page of diagnoses says what the checker says."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest

from redelivery.display.chinese import CHINESE
from redelivery.display.glossary import GROUPS, mistakes
from redelivery.exploration.diagnosis import DIAGNOSES
from tests.answers import answers

PAGE = Path(__file__).parents[1] / "course" / "91-names-of-mistakes.ipynb"


def stored(kind: str) -> str:
    """What the page shows, as it is stored."""
    return "\n".join(
        "".join(output.get("data", {}).get(kind, ""))
        for cell in nbformat.read(PAGE, as_version=4).cells
        if cell.cell_type == "code"
        for output in cell.outputs
    )


def test_every_name_stands_in_one_group() -> None:
    assert sorted(name for names in GROUPS.values() for name in names) == sorted(DIAGNOSES)


@pytest.mark.parametrize("where", GROUPS)
def test_the_page_shows_every_group_as_it_is_now(where: str) -> None:
    table = mistakes(where)
    assert str(table) in stored("text/plain")
    assert table._repr_html_() in stored("text/html")


@pytest.mark.parametrize("name", DIAGNOSES)
def test_the_page_explains_every_name(name: str) -> None:
    text = " ".join(stored("text/plain").split())
    assert f"{name} {DIAGNOSES[name]}" in text


def test_every_name_has_one_line_in_chinese() -> None:
    assert sorted(CHINESE) == sorted(DIAGNOSES)
    assert [
        name for name, line in CHINESE.items() if not re.search(r"[\u4e00-\u9fff].*。$", line) or "\n" in line
    ] == []


@pytest.mark.parametrize("name", DIAGNOSES)
def test_the_page_shows_the_chinese_line_under_its_name(name: str) -> None:
    assert f"{name} {DIAGNOSES[name]} {CHINESE[name]}" in " ".join(stored("text/plain").split())


def test_every_verdict_has_a_line_in_chinese() -> None:
    page = nbformat.read(PAGE, as_version=4)
    [table] = [cell.source for cell in page.cells if cell.id == "verdict-names"]
    rows = dict(re.findall(r"^\| (\w[\w ]*) \| (.*[\u4e00-\u9fff].*) \|$", table, re.MULTILINE))
    lesson = nbformat.read(PAGE.parent / "00-start-here.ipynb", as_version=4)
    [said] = [cell.source for cell in lesson.cells if cell.id == "verdicts"]
    names = [row.strip("| ").split(" | ")[0] for row in said.splitlines() if row.startswith("| ")][1:]
    assert len(names) == 5
    assert [name for name in rows if name != "verdict"] == names


#: `wrong-claim` is no diagnosis of a run: see test_claims.py.
@pytest.mark.parametrize("name", sorted(DIAGNOSES.keys() - {"unclassified", "wrong-claim"}))
def test_every_name_is_planted_in_a_wrong_answer(name: str) -> None:
    assert name in {mutant.diagnosis for mutant in answers("mutants")}


def test_a_group_that_is_not_there() -> None:
    with pytest.raises(ValueError, match=r"expected one of 'records', .*; found 'locks'"):
        mistakes("locks")
