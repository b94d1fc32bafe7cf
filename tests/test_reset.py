"""`redelivery reset`: back to what was handed out, and what was there is kept."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import nbformat
import pytest

from redelivery.exercises.catalogue import EXERCISES
from redelivery.workspace.notebooks import answers, source
from redelivery.workspace.reset import HANDED_OUT, CannotReset, plan
from tests.checkouts import NOW, ROOT, STAMP, make_checkout, redelivery

EX, PART = "05-record-and-check", "record_and_check"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(HANDED_OUT, tmp_path / "exercises")
    return tmp_path


def notebook(folder: Path) -> Path:
    return folder / f"exercises/{EX}.ipynb"


def edit(folder: Path, change) -> bytes:
    content = json.loads(notebook(folder).read_bytes())
    change(content["cells"])
    notebook(folder).write_text(json.dumps(content), "utf-8")
    return notebook(folder).read_bytes()


def answer(folder: Path, part: str = PART) -> dict:
    cells = json.loads(notebook(folder).read_bytes())["cells"]
    return cells[answers(cells, part)[0]]


def solve(cells: list[dict]) -> None:
    """Answers to all parts, run, and a note of the learner's own."""
    for part in EXERCISES[EX]:
        cells[answers(cells, part.grade_id)[0]].update(
            source=f"mine = {part.grade_id!r}",
            execution_count=7,
            outputs=[{"output_type": "stream", "name": "stdout", "text": "x"}],
        )
    cells.insert(1, {"cell_type": "markdown", "id": "my-note", "metadata": {}, "source": "my note"})


@pytest.mark.parametrize("name", EXERCISES)
def test_the_copies_are_what_is_handed_out(name):
    """Changed an exercise? Run scripts/hand-out."""
    assert (HANDED_OUT / f"{name}.ipynb").read_bytes() == (ROOT / f"exercises/{name}.ipynb").read_bytes()


def test_a_whole_notebook(folder):
    mine = edit(folder, solve)
    kept = plan(folder, "05", None).carry_out(NOW)
    assert kept == folder / f"exercises/backup/{EX}.{STAMP}.ipynb"
    assert kept.read_bytes() == mine
    assert notebook(folder).read_bytes() == (HANDED_OUT / f"{EX}.ipynb").read_bytes()
    assert plan(folder, EX, None) is None


def test_copies_never_overwrite_each_other(folder):
    contents = []
    for number in range(3):
        notebook(folder).write_text(str(number), "utf-8")
        contents.append(plan(folder, "05", None).carry_out(NOW))
    assert [path.read_text("utf-8") for path in contents] == ["0", "1", "2"]


def test_one_answer(folder):
    mine = edit(folder, solve)
    given = json.loads((HANDED_OUT / f"{EX}.ipynb").read_bytes())["cells"]
    kept = plan(folder, "05", PART).carry_out(NOW)
    assert kept.read_bytes() == mine
    cell = answer(folder)
    assert source(cell) == source(given[answers(given, PART)[0]])
    assert (cell["outputs"], cell["execution_count"]) == ([], None)
    assert answer(folder, "break_it")["source"] == "mine = 'break_it'"
    assert json.loads(notebook(folder).read_bytes())["cells"][1]["source"] == "my note"
    nbformat.validate(nbformat.read(notebook(folder), as_version=4))
    assert plan(folder, "05", PART) is None


def test_an_answer_whose_cell_was_deleted_comes_back_above_its_check(folder):
    edit(folder, lambda cells: cells.pop(answers(cells, PART)[0]))
    plan(folder, "05", PART).carry_out(NOW)
    now = json.loads(notebook(folder).read_bytes())["cells"]
    assert answers(now, PART)[0] + 1 == next(
        n for n, cell in enumerate(now) if cell["metadata"].get("nbgrader", {}).get("grade_id") == f"check_{PART}"
    )


def test_a_notebook_that_is_missing(folder):
    notebook(folder).unlink()
    with pytest.raises(CannotReset, match="Get the whole of it: redelivery reset 05"):
        plan(folder, "05", PART)
    assert plan(folder, "05", None).carry_out(NOW) is None
    assert notebook(folder).is_file()


@pytest.mark.parametrize("content", [b"", b"{", b'{"cells": 5}', b'{"cells": [5]}'])
def test_a_notebook_that_is_none_is_reset_whole(folder, content):
    notebook(folder).write_bytes(content)
    with pytest.raises(CannotReset, match="is no notebook any more"):
        plan(folder, "05", PART)
    assert plan(folder, "05", None).carry_out(NOW).read_bytes() == content


def test_a_part_that_is_there_twice(folder):
    edit(folder, lambda cells: cells.append(cells[answers(cells, PART)[0]]))
    with pytest.raises(CannotReset, match="2 cells have the grade_id"):
        plan(folder, "05", PART)


@pytest.mark.parametrize(
    ("exercise", "part", "said"),
    [("99", None, "its number or its name, of 01-"), ("../x", None, "no exercise"), ("05", "zzz", "its parts are")],
)
def test_what_there_is_not(folder, exercise, part, said):
    with pytest.raises(CannotReset, match=said):
        plan(folder, exercise, part)


def test_without_a_copy_nothing_is_changed(folder):
    mine = edit(folder, solve)
    (folder / "exercises/backup").touch()
    with pytest.raises(CannotReset, match="nothing was changed"):
        plan(folder, "05", None).carry_out(NOW)
    assert notebook(folder).read_bytes() == mine


def test_the_command_asks_first(tmp_path):
    checkout = make_checkout(tmp_path / "course")
    mine = edit(checkout, solve)
    for reply in ("n\n", "\n", ""):
        done = redelivery(checkout, "reset", "05", PART, stdin=reply)
        assert (done.returncode, notebook(checkout).read_bytes()) == (1, mine)
        assert "Nothing was changed." in done.stdout
    done = redelivery(checkout, "reset", "05", PART, stdin="y\n")
    assert done.returncode == 0
    assert f"Reset the answer to {PART} in exercises/{EX}.ipynb." in done.stdout
    assert "is kept as exercises/backup/05-record-and-check." in done.stdout
    assert redelivery(checkout, "reset", "05", "--yes").returncode == 0
    assert "Nothing to do" in redelivery(checkout, "reset", "05").stdout
    assert redelivery(checkout, "reset", "77").returncode == 2
