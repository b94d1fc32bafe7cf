"""Grading beside other graders, all measured in this run on this machine, on one core.

    make bench-peers

A class of fifteen: for each of the five exercises a learner who solved it, one who solved it in another way, and one
whose answers are wrong. The same notebooks go through `redelivery grade`, through nbgrader's autograde and through
otter-grader (in its own process, its fastest way), and what they check is the same: every part's whole search. Times
are of a submission, from its file to its points; starting the grader counts only in the last column. The others run
the search where the learner's code runs; ours keeps the two apart in a sandbox and searches twice.
Nothing here fails; points that differ are printed.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from redelivery.exercises.catalogue import EXERCISES
from redelivery.grading.batch import judge_all
from redelivery.grading.judge import Entry, Limits
from redelivery.grading.sandbox import why_not
from tests.answers import Answer, answers

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent


@dataclass(frozen=True)
class Graded:
    """What one grader made of the class."""

    seconds: Mapping[str, float]
    points: Mapping[str, float]
    whole: float
    """Seconds of the whole process."""


def hand_in_class(course: Path) -> None:
    """Write the class: ``source/EXERCISE`` and ``submitted/LEARNER/EXERCISE``, as nbgrader has it."""
    shutil.copy(ROOT / "course" / "instructor" / "nbgrader_config.py", course)
    right = _first_of_each_part(answers("variants"))
    wrong = _first_of_each_part(answers("mutants"))
    for exercise in EXERCISES:
        solution = ROOT / "reference" / "solutions" / f"{exercise}.ipynb"
        for learner, other in (("ann", {}), ("bea", right), ("cem", wrong)):
            _write(solution, course / "submitted" / learner / exercise / f"{exercise}.ipynb", other)
        _write(solution, course / "source" / exercise / f"{exercise}.ipynb", {})


def _first_of_each_part(of: Sequence[Answer]) -> dict[str, str]:
    found: dict[str, str] = {}
    for answer in of:
        found.setdefault(answer.part, answer.source)
    return found


def _write(solution: Path, target: Path, other: Mapping[str, str]) -> None:
    """The solved exercise, with other answers in some parts, and without what the solution shows beside the parts."""
    content = json.loads(solution.read_text(encoding="utf-8"))
    cells = []
    for cell in content["cells"]:
        marks = cell["metadata"].get("nbgrader")
        if cell["cell_type"] == "code" and marks is None:
            continue
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
            if marks["solution"]:
                cell["source"] = other.get(marks["grade_id"], cell["source"])
        cells.append(cell)
    target.parent.mkdir(parents=True)
    target.write_text(json.dumps({**content, "cells": cells}), encoding="utf-8")


def ours(course: Path, is_isolated: bool) -> Graded:
    """In this process, one after the other; then the command, for the whole."""
    entries = [
        Entry(path.parents[1].name, path, str(path.relative_to(course / "submitted")))
        for path in sorted(course.glob("submitted/*/*/*.ipynb"))
    ]
    seconds, points = {}, {}
    before = time.perf_counter()
    for entry, result in zip(entries, judge_all(entries, Limits(sandbox=is_isolated), 1), strict=True):
        seconds[f"{entry.learner}/{entry.path.parent.name}"] = time.perf_counter() - before
        points[f"{result.learner}/{result.exercise}"] = float(result.points)
        before = time.perf_counter()
    command = [str(Path(sys.executable).with_name("redelivery")), "grade", str(course / "submitted"), "--jobs", "1"]
    command += ["--out", str(course / "graded"), *([] if is_isolated else ["--no-sandbox"])]
    before = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return Graded(seconds, points, time.perf_counter() - before)


def theirs(python: Path, script: str, course: Path) -> Graded | str:
    """What another grader, run by its own Python, made of it; or why it made nothing."""
    path = os.pathsep.join([str(python.parent), str(ROOT / ".venv" / "bin"), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "JUPYTER_PREFER_ENV_PATH": "1"}
    before = time.perf_counter()
    ran = subprocess.run(
        [str(python), str(HERE / script), str(course)], capture_output=True, text=True, cwd=course, env=environment
    )
    whole = time.perf_counter() - before
    if ran.returncode != 0:
        return "\n".join(ran.stderr.strip().splitlines()[-5:])
    return Graded(**json.loads(ran.stdout.splitlines()[-1]), whole=whole)


def table(graded: Mapping[str, Graded]) -> list[str]:
    """Seconds of a submission: the median by exercise, of all, and of the whole process."""
    titles = ["seconds a submission", *(exercise[:2] for exercise in EXERCISES), "median", "most", "whole run / n"]
    rows = [titles]
    for name, of in graded.items():
        by_exercise = [statistics.median(s for key, s in of.seconds.items() if key.endswith(e)) for e in EXERCISES]
        every = list(of.seconds.values())
        figures = [*by_exercise, statistics.median(every), max(every), of.whole / len(every)]
        rows.append([name, *(f"{figure:.2f}" for figure in figures)])
    widths = [max(len(row[column]) for row in rows) for column in range(len(titles))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def main() -> None:
    """Measure and print the table. Arguments: NAME=PYTHON for each of the others that is there."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # and so all that is started from here
    reason = why_not()
    if reason is not None:
        print(f"Without a sandbox here: {reason}")
    graded: dict[str, Graded] = {}
    with tempfile.TemporaryDirectory(prefix="graders-") as folder:
        course = Path(folder)
        hand_in_class(course)
        graded["redelivery grade"] = ours(course, reason is None)
        for argument in sys.argv[1:]:
            name, _, python = argument.partition("=")
            found = theirs(Path(python).absolute(), f"graders_{name}.py", course)
            if isinstance(found, str):
                print(f"{name} failed: {found}")
            else:
                graded[name] = found
    print("\n".join(table(graded)))
    own = graded["redelivery grade"].points
    for name, of in graded.items():
        for key in own:
            if of.points.get(key) != own[key]:
                print(f"{key}: {own[key]:g} points by ours, {of.points.get(key)} by {name}")


if __name__ == "__main__":
    main()
