"""Run by otter-grader's own Python: grades a class, prints the seconds and the points of each submission as JSON.

python graders_otter.py COURSE  (a folder with source/ and submitted/)

Its tests are the check cells of the notebooks: each becomes a test file, and a ``grader.check`` in its place.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from otter.api import grade_submission
from otter.generate import main as generate

TEST = """from otter.test_files import test_case
OK_FORMAT = False
name = {name!r}
points = {points}

@test_case(points={points})
def test(env):
    exec({source!r}, env)
"""


def checks(content: dict[str, Any]) -> list[dict[str, Any]]:
    return [cell for cell in content["cells"] if cell["metadata"].get("nbgrader", {}).get("grade")]


def autograder(source: Path, folder: Path) -> str:
    """The archive with the tests of one exercise."""
    tests = folder / "tests"
    tests.mkdir(parents=True)
    for cell in checks(json.loads(source.read_text(encoding="utf-8"))):
        marks = cell["metadata"]["nbgrader"]
        text = TEST.format(name=marks["grade_id"], points=marks["points"], source="".join(cell["source"]))
        (tests / f"{marks['grade_id']}.py").write_text(text, encoding="utf-8")
    path = str(folder / "autograder.zip")
    generate(tests_dir=str(tests), output_path=path, no_config=True, no_requirements=True, no_environment=True)
    return path


def with_otter(path: Path, folder: Path) -> str:
    """The submission as one of otter's: ``grader.check`` where the checks are."""
    content = json.loads(path.read_text(encoding="utf-8"))
    for cell in checks(content):
        cell["source"] = f"grader.check({cell['metadata']['nbgrader']['grade_id']!r})"
    first = next(cell for cell in content["cells"] if cell["cell_type"] == "code")
    first["source"] = "import otter\ngrader = otter.Notebook()\n" + "".join(first["source"])
    target = folder / path.name
    target.write_text(json.dumps(content), encoding="utf-8")
    return str(target)


course = Path(sys.argv[1])
work = course / "otter"
work.mkdir()
os.chdir(work)
archives = {path.parent.name: autograder(path, work / path.parent.name) for path in course.glob("source/*/*.ipynb")}
seconds, points = {}, {}
for place in sorted((course / "submitted").glob("*/*")):
    (own := work / "in" / place.parent.name / place.name).mkdir(parents=True)
    notebook = with_otter(next(place.glob("*.ipynb")), own)
    started = time.perf_counter()
    results = grade_submission(notebook, archives[place.name], quiet=True)
    seconds[f"{place.parent.name}/{place.name}"] = time.perf_counter() - started
    points[f"{place.parent.name}/{place.name}"] = results.total
print(json.dumps({"seconds": seconds, "points": points}))
