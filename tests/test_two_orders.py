"""Nobody loses a point to another: a class graded in two orders, two at a time, and each submission by itself.

`make soak` takes two hundred submissions, a tenth of which mean harm; `make test` ten of which one does.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from redelivery.grading.judge import Entry, Limits, judge
from redelivery.grading.result import Kind
from redelivery.grading.sandbox import why_not
from tests.attacks.hand_in import attacks
from tests.classes import MOSTLY_HONEST, generated
from tests.test_class import BY_THE_CLOCK, grade

SOAK = bool(os.environ.get("REDELIVERY_SOAK"))
SIZE, SEED = (200, 23) if SOAK else (10, 23)
#: Each tries to take something from the next one.
QUICK = ("limits_of_process_1_files", "limits_of_everybody")
pytestmark = [
    pytest.mark.xdist_group("two orders"),
    pytest.mark.skipif(why_not() is not None, reason=f"no isolation on this machine: {why_not()}"),
]

Points = dict[str, dict[str, int]]


def points_of(out: Path) -> tuple[Points, dict[str, str]]:
    """Learner → part → points, and the problem where the notebook could not be used."""
    found: Points = {}
    problems = {}
    for line in (out / "results.jsonl").read_text("utf-8").splitlines():
        one = json.loads(line)
        assert not one["fault"]
        assert all(part["kind"] != Kind.FAULT.value for part in one["parts"]), one["learner"]
        found[one["learner"]] = {part["part"]: part["points"] for part in one["parts"]}
        problems[one["learner"]] = one["problem"]
    return found, problems


def test_everybody_gets_the_same_in_both_orders_and_alone(tmp_path: Path) -> None:
    chosen = [a for a in attacks() if (a.name not in BY_THE_CLOCK if SOAK else a.name in QUICK)]
    folder, turned = tmp_path / "submitted", tmp_path / "turned" / "submitted"
    worth = generated(folder, SIZE, SEED, chosen, MOSTLY_HONEST)
    # The order is that of the names.
    other = dict(zip(sorted(worth), sorted(worth, reverse=True), strict=True))
    for learner, name in other.items():
        shutil.copytree(folder / learner, turned / name)
    for place, out in ((folder, "one"), (turned, "two")):
        status, left = grade(place, tmp_path / out, tmp_path / f"{out}-home", "--jobs", "2")
        assert status in (0, 3)
        assert left == "0 []"
    one, problems = points_of(tmp_path / "one")
    two, _ = points_of(tmp_path / "two")
    assert {learner: sum(parts.values()) for learner, parts in one.items() if not problems[learner]} == {
        learner: points for learner, points in worth.items() if points is not None
    }
    assert one == {learner: two[name] for learner, name in other.items()}
    for learner, parts in one.items():
        (path,) = (folder / learner).rglob("*.ipynb")
        alone = judge(Entry(learner, path, path.name), Limits(seed=17))
        assert {part.part: part.points for part in alone.parts} == parts, learner
