"""The kill matrix that the course shows is that of the answers there are; `test_corpus` compares what is in it."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import nbformat
import pytest

from redelivery.display.matrix import Matrix, Row, read, shortened, write
from tests.answers import answers
from tests.test_hunted import WRONG_FAILS

COURSE = Path(__file__).parents[1] / "course"
STORED = COURSE / "data" / "verify.json"
PAGE = COURSE / "92-why-believe-this-checker.ipynb"
ANEW = "; run: make matrix"

WRONG = Row("mutants", "05-x", "p", "w", "lost-update", "refuted", "lost-update", "AA+ABB?", 12, 0.25)
RIGHT = Row("variants", "05-x", "p", "r", "", "proved", "", None, 3_456, 0.75)


def key(row: Row) -> tuple[str, str, str, str]:
    return row.kind, row.exercise, row.part, row.name


@cache
def stored() -> dict[tuple[str, str, str, str], Row]:
    return {key(row): row for row in read(STORED).rows}


def assert_stored(row: Row) -> None:
    """What was found now is what the course shows, but for the time it took."""
    assert key(row) in stored(), f"no row for {row.part}/{row.name} in the matrix{ANEW}"
    shown = stored()[key(row)]
    found = (row.planted, row.verdict, row.diagnosis, row.schedule)
    said = (shown.planted, shown.verdict, shown.diagnosis, shown.schedule)
    assert found == said, f"the matrix is stale for {row.part}/{row.name}{ANEW}"


# -- the stored one ------------------------------------------------------------------------------------------


def test_every_answer_has_a_row_and_every_row_an_answer() -> None:
    there = {(a.kind, a.exercise, a.part, a.name) for kind in ("mutants", "variants") for a in answers(kind)}
    assert sorted(there - set(stored())) == [], f"answers without a row{ANEW}"
    assert sorted(set(stored()) - there) == [], f"rows without an answer{ANEW}"


def test_every_row_is_judged_rightly() -> None:
    assert [f"{row.part}/{row.name}" for row in read(STORED).misjudged] == []


def test_the_file_is_written_as_it_is_read(tmp_path: Path) -> None:
    write(tmp_path / "again.json", reversed(read(STORED).rows))
    assert (tmp_path / "again.json").read_text("utf-8") == STORED.read_text("utf-8")


@pytest.mark.parametrize("kind", ["text/plain", "text/html"])
def test_the_page_shows_the_matrix_of_the_file(kind: str) -> None:
    shown = [
        "".join(output.get("data", {}).get(kind, ""))
        for cell in nbformat.read(PAGE, as_version=4).cells
        if cell.cell_type == "code"
        for output in cell.outputs
    ]
    matrix = read(STORED)
    for table in (matrix.summary(), matrix.by_faults(), matrix):
        assert (str(table) if kind == "text/plain" else table._repr_html_()) in shown, f"the page is stale{ANEW}"


# -- any ------------------------------------------------------------------------------------------------------


def test_what_is_missing_or_no_matrix_says_how_to_make_it(tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    with pytest.raises(FileNotFoundError, match=r"there is no .*; make it with: redelivery verify --save"):
        read(path)
    for text in ("", "[]", '{"answers": [{}]}', '{"answers": [3]}', "{}"):
        path.write_text(text)
        with pytest.raises(ValueError, match=r"is no kill matrix .*; make it anew: redelivery verify --save"):
            read(path)


@pytest.mark.parametrize(
    "row",
    [
        replace(WRONG, verdict="proved", diagnosis="", schedule=None),
        replace(WRONG, verdict="undetermined"),
        replace(WRONG, diagnosis="aba"),
        replace(RIGHT, verdict="refuted"),
        replace(RIGHT, verdict="undetermined"),
    ],
)
def test_a_row_that_is_misjudged_is_seen(row: Row) -> None:
    matrix = Matrix((WRONG, RIGHT, row))
    assert matrix.misjudged == (row,)
    assert "(planted: " in str(matrix) and "(planted: " in matrix._repr_html_()


def test_the_summary_counts_by_part() -> None:
    other = replace(WRONG, exercise="06-y", part="q", verdict="stuck", seconds=0.5)
    assert str(Matrix((RIGHT, other, WRONG)).summary()).splitlines() == [
        "part  wrong answers  refuted  stuck  right answers  proved  median time",
        "05 p              1        1      0              1       1       500 ms",
        "06 q              1        0      1              0       0       500 ms",
        "all               2        1      1              1       1       500 ms",
    ]


def test_faults_are_counted() -> None:
    rows = [replace(WRONG, schedule=schedule) for schedule in ("", "AAA", "A+AA!", "@A~", "A?A^A-")]
    found = Matrix((RIGHT, *rows)).by_faults()
    assert found.rows == (("0", "2"), ("1", "0"), ("2", "2"), ("3", "1"))


def test_schedules_are_shortened() -> None:
    assert [shortened(text) for text in (None, "", "AA")] == ["–", "(from the start)", "AA"]
    assert shortened("A" * 31) == "A" * 29 + "…"


def test_text_is_escaped() -> None:
    assert "&lt;b&gt;" in Matrix((replace(WRONG, name="<b>"),))._repr_html_()


#: What the page says of each wrong answer that is known to pass.
GAPS: dict[str, str] = {}


def test_the_page_names_every_wrong_answer_that_is_known_to_pass() -> None:
    assert set(GAPS) == set(WRONG_FAILS), f"course/{PAGE.name} lists those that pass: change it, and GAPS here"
    text = " ".join(cell.source for cell in nbformat.read(PAGE, as_version=4).cells if cell.id == "left-out-explain")
    assert [name for name, words in GAPS.items() if words not in " ".join(text.replace("*", "").split())] == []
