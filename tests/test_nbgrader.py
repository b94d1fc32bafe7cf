"""nbgrader takes the notebooks as they are, and comes to the points that `redelivery check` and `grade` come to."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from redelivery.grading.judge import Entry, Limits, judge
from redelivery.grading.sandbox import why_not
from tests.test_grading import RACE, hand_in, solved

ROOT = Path(__file__).parents[1]
EXERCISES = ["01-delivery-guarantees", "02-idempotence", "03-unique-constraints", "04-version-preconditions"]
EXERCISES += ["05-record-and-check"]
#: `make test` lets two of the handed out notebooks through, besides all solved ones.
SOAK = bool(os.environ.get("REDELIVERY_SOAK"))
pytestmark = pytest.mark.xdist_group("nbgrader")


def environment() -> Path:
    """nbgrader's own environment; made when it is not there."""
    made = subprocess.run(["sh", str(ROOT / "scripts" / "nbgrader")], capture_output=True, text=True)
    if made.returncode != 0 and not os.environ.get("CI"):
        pytest.skip(f"nbgrader's environment can't be made here: {made.stderr.strip().splitlines()[-1:]}")
    assert made.returncode == 0, made.stderr
    return ROOT / ".venv" / "nbgrader" / "bin"


def autograded(folder: Path, *, stubs: bool = False) -> dict[str, Any]:
    """What nbgrader makes of ``submitted`` in this folder, the solved notebooks (and those handed out) being its
    sources."""
    bin_ = environment()
    shutil.copy(ROOT / "course" / "instructor" / "nbgrader_config.py", folder)
    exercises = EXERCISES if stubs else sorted({path.name for path in folder.glob("submitted/*/*")})
    for exercise in exercises:
        origins = {exercise: "reference/solutions"}
        if stubs and (SOAK or exercise[:2] in ("01", "05")):
            origins[f"stub-{exercise[:2]}"] = "exercises"
        for name, origin in origins.items():
            target = folder / "source" / name / f"{exercise}.ipynb"
            target.parent.mkdir(parents=True)
            shutil.copy(ROOT / origin / f"{exercise}.ipynb", target)
    path = f"{bin_}{os.pathsep}{ROOT / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"
    command = [str(bin_ / "python"), str(ROOT / "tests" / "nbgrader_run.py"), str(folder)]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=folder, env={**os.environ, "PATH": path})
    assert ran.returncode == 0, ran.stderr[-3000:]
    found: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return found


def half_right(exercise: str) -> dict[str, str]:
    """Some parts right, one wrong, one unsolved."""
    answers = solved(exercise)
    if exercise.startswith("05"):
        return {"record_and_check": RACE, "request_once": answers["request_once"]}
    return {"claims": answers["claims"].replace("True", "False"), "break_it": answers["break_it"]}


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A course in which both the solved notebooks and those handed out are sources, with four submissions."""
    folder = tmp_path_factory.mktemp("nbgrader")
    for exercise in ("02-idempotence", "05-record-and-check"):
        for learner, answers in (("right", solved(exercise)), ("half", half_right(exercise))):
            hand_in(folder / "submitted" / learner / exercise / f"{exercise}.ipynb", answers, exercise)
    return folder, autograded(folder, stubs=True)


def test_all_notebooks_pass_through(course: tuple[Path, dict[str, Any]]) -> None:
    folder, found = course
    assert found["said"] == {}
    assert len(list((folder / "release").glob("*/*.ipynb"))) == (2 * len(EXERCISES) if SOAK else len(EXERCISES) + 2)


def cells(path: Path) -> dict[str, Any]:
    content = json.loads(path.read_text(encoding="utf-8"))
    marked = [cell for cell in content["cells"] if cell["metadata"].get("nbgrader", {}).get("solution")]
    return {cell["metadata"]["nbgrader"]["grade_id"]: "".join(cell["source"]).strip() for cell in marked}


@pytest.mark.parametrize("exercise", EXERCISES)
def test_what_is_made_from_a_solution_is_what_is_handed_out(course: tuple[Path, dict[str, Any]], exercise: str) -> None:
    """Of functions and classes; the answers that are values are blanked as nbgrader blanks them."""
    released = cells(course[0] / "release" / exercise / f"{exercise}.ipynb")
    handed_out = cells(ROOT / "exercises" / f"{exercise}.ipynb")
    assert released.keys() == handed_out.keys()
    for name, source in released.items():
        assert "SOLUTION" not in source
        if name not in ("claims", "break_it"):
            names = {line.split("(")[0].strip() for line in handed_out[name].splitlines() if "def " in line}
            assert names == {line.split("(")[0].strip() for line in source.splitlines() if "def " in line}
            assert 'raise NotImplementedError("write your answer here")' in source


def test_the_points_agree(course: tuple[Path, dict[str, Any]]) -> None:
    folder, found = course
    for learner in ("right", "half"):
        for exercise in ("02-idempotence", "05-record-and-check"):
            notebook = folder / "submitted" / learner / exercise / f"{exercise}.ipynb"
            ours = judge(Entry(learner, notebook, notebook.name), Limits(sandbox=why_not() is None))
            theirs = found["points"][f"{learner}/{exercise}"]
            assert theirs == {f"check_{part.part}": part.points for part in ours.parts}
            assert (sum(theirs.values()) == 10) is (learner == "right")
            assert sum(theirs.values()) > 0
