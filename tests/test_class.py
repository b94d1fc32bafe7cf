"""Generated classes: graded twice the same, also with a grader that is killed; the same points in every way to grade.

`make soak` grades two hundred submissions and every answer of the corpus, `make test` a few of each.
"""

from __future__ import annotations

import csv
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from redelivery.cli import main
from redelivery.exercises.catalogue import EXERCISES
from redelivery.grading.sandbox import why_not
from tests.attacks.hand_in import attacks
from tests.classes import generated, side_by_side
from tests.test_grading import files
from tests.test_nbgrader import autograded

ROOT = Path(__file__).parents[1]
SOAK = bool(os.environ.get("REDELIVERY_SOAK"))
UNSAFE = [] if why_not() is None else ["--no-sandbox"]
#: Those that use up their time are left to `make soak` and to tests/attacks.
QUICK = ("equal_to_everything_schedule", "exit_at_import", "names_in_html", "pipe_out_of_turn")
#: How far it gets depends on the clock, and so do the words of its feedback (not its points: tests/attacks).
BY_THE_CLOCK = ("memory_bomb",)
SIZE, SEED = (200, 17) if SOAK else (7, 17)
KILLS = 20 if SOAK else 2


def grade(folder: Path, out: Path, home: Path, *more: str, until: int = 0) -> tuple[int, str]:
    """`redelivery grade` in a process of its own with a home and a temporary folder of its own; its exit status, and
    the processes that it left. ``until``: results that it may write before it is killed."""
    for name in ("home", "tmp", "cwd"):
        (home / name).mkdir(parents=True, exist_ok=True)
    command = [sys.executable, str(ROOT / "tests" / "watched.py"), str(until), str(out / "results.jsonl")]
    command += [sys.executable, "-m", "redelivery.cli", "grade", str(folder), "--out", str(out), *UNSAFE, *more]
    command += ["--seed", str(SEED)]  # else another one is drawn each time
    environment = {**os.environ, "HOME": str(home / "home"), "TMPDIR": str(home / "tmp")}
    ran = subprocess.run(command, capture_output=True, text=True, cwd=home / "cwd", env=environment)
    assert ran.stdout, ran.stderr
    return ran.returncode, ran.stdout.strip()


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def the_class(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, int | None]]:
    folder = tmp_path_factory.mktemp("class") / "submitted"
    chosen = [a for a in attacks() if (a.name not in BY_THE_CLOCK if SOAK else a.name in QUICK)]
    return folder, generated(folder, SIZE, SEED, chosen)


@pytest.fixture(scope="module")
def graded(the_class: tuple[Path, dict[str, int | None]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Graded once; nothing is left and nothing written but the results."""
    folder, _ = the_class
    before, home = everything(folder), tmp_path_factory.mktemp("first")
    out = tmp_path_factory.mktemp("graded") / "out"
    status, left = grade(folder, out, home)
    assert status in (0, 3)
    assert left == "0 []"
    assert everything(folder) == before
    assert everything(home) == {}
    return out


pytestmark = pytest.mark.xdist_group("class")


def test_everybody_gets_the_honest_points(the_class: tuple[Path, dict[str, int | None]], graded: Path) -> None:
    with (graded / "grades-long.csv").open(encoding="utf-8", newline="") as file:
        found = {row["learner"]: row for row in csv.DictReader(file)}
    points = {learner: None if row["problem"] else int(row["points"]) for learner, row in found.items()}
    assert points == the_class[1]


def test_graded_again_it_is_the_same(
    the_class: tuple[Path, dict[str, int | None]], graded: Path, tmp_path: Path
) -> None:
    status, left = grade(the_class[0], tmp_path / "out", tmp_path / "home", "--jobs", "3")
    assert status in (0, 3)
    assert left == "0 []"
    assert files(tmp_path / "out") == files(graded)


def test_a_grader_killed_at_random_moments_loses_nothing(
    the_class: tuple[Path, dict[str, int | None]], graded: Path, tmp_path: Path
) -> None:
    chance = random.Random(SEED)
    results = (graded / "results.jsonl").read_bytes().count(b"\n")
    moments = [*sorted(chance.sample(range(1, results), min(KILLS, results - 1))), 0]
    out, statuses = tmp_path / "out", []
    for moment in moments:
        status, left = grade(the_class[0], out, tmp_path / "home", "--resume", until=moment)
        assert left == "0 []"
        statuses.append(status)
    assert 137 in statuses[:-1]
    assert status in (0, 3)
    assert files(out) == files(graded)
    learners = [json.loads(line)["learner"] for line in (out / "results.jsonl").read_bytes().splitlines()]
    assert len(learners) == len(set(learners))


def test_the_points_are_the_same_in_every_way_to_grade(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In the notebook (as nbgrader runs it), by `check`, by `grade`, and by `grade` on a cluster."""
    from distributed import LocalCluster

    folder = tmp_path / "submitted"
    worth = side_by_side(folder, EXERCISES if SOAK else ["02-idempotence"], None if SOAK else 2)
    by_check: dict[str, int] = {}
    for key in worth:
        learner, exercise = key.split("/")
        main(["check", "--json", str(folder / learner / exercise / f"{exercise}.ipynb")])
        by_check[key] = sum(part["points"] for part in json.loads(capsys.readouterr().out)["parts"])
    assert by_check == worth
    ways = {"alone": [], "cluster": ["--scheduler"]}
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        for name, more in ways.items():
            address = [cluster.scheduler_address] if more else []
            command = [sys.executable, "-m", "redelivery.cli", "grade", str(folder), "--out", str(tmp_path / name)]
            assert subprocess.run([*command, *UNSAFE, *more, *address], stdout=subprocess.DEVNULL).returncode in (0, 3)
            with (tmp_path / name / "grades-long.csv").open(encoding="utf-8", newline="") as file:
                found = {f"{row['learner']}/{row['exercise']}": int(row["points"]) for row in csv.DictReader(file)}
            assert found == worth, name
    if SOAK:  # a few in tests/test_nbgrader.py
        by_nbgrader = autograded(tmp_path)["points"]
        assert {key: sum(parts.values()) for key, parts in by_nbgrader.items()} == worth
