"""Wrong answers pasted into the exercise notebooks, as a learner would, and checked from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest

from redelivery.cli import main
from tests.answers import Answer, answers

ROOT = Path(__file__).parents[1]


#: Whose check takes long; judged in `make matrix` and `make soak`.
LONG = {"endless_tries_in_one_transaction"}


def one_of_each() -> list[Answer]:
    """For each part one wrong answer of each diagnosis, and its model answer."""
    found = {(answer.part, answer.diagnosis): answer for answer in reversed(answers("mutants"))}
    for key in [key for key, answer in found.items() if answer.name in LONG]:
        del found[key]  # fifteen seconds: make matrix
    return [*reversed(found.values()), *(answer for answer in answers("variants") if answer.name == "solution")]


@pytest.mark.parametrize("answer", one_of_each(), ids=str)
def test_a_pasted_answer_is_judged_as_the_checker_judges_it(
    answer: Answer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    notebook = nbformat.read(ROOT / "exercises" / f"{answer.exercise}.ipynb", as_version=4)
    cell = next(c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") == answer.part)
    cell.source = answer.source
    path = tmp_path / f"{answer.exercise}.ipynb"
    nbformat.write(notebook, path)
    status = main(["check", "--json", "--part", answer.part, str(path)])
    (part,) = json.loads(capsys.readouterr().out)["parts"]
    if answer.is_right:
        assert (status, part["verdict"], part["points"]) == (0, "proved", part["max_points"])
    else:
        assert status == 1
        assert part["verdict"] in ("refuted", "stuck")
        assert (part["diagnosis"], part["points"]) == (answer.diagnosis, 0)
        assert part["line"] in answer.lines
