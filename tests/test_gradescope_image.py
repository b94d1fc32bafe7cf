"""What a Gradescope-like autograder image would run for each submission."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from redelivery.grading.sandbox import why_not
from tests.test_grading import GRADESCOPE, RACE, hand_in, solved

ROOT = Path(__file__).parents[1]


@pytest.fixture
def image(tmp_path: Path) -> Path:
    (tmp_path / "submission").mkdir()
    (tmp_path / "source").symlink_to(ROOT)
    return tmp_path


def run(image: Path, **environment: str) -> dict[str, Any]:
    command = ["sh", str(image / "source" / "scripts" / "gradescope" / "run_autograder")]
    subprocess.run(command, check=True, env={**os.environ, "AUTOGRADER": str(image), **environment})
    result: dict[str, Any] = json.loads((image / "results" / "results.json").read_text("utf-8"))
    jsonschema.validate(result, GRADESCOPE)
    return result


def test_a_submission(image: Path) -> None:
    answers = {**solved("05-record-and-check"), "record_and_check": RACE}
    hand_in(image / "submission" / "05-record-and-check.ipynb", answers)
    result = run(image)
    assert result["score"] == 7
    assert [test["status"] for test in result["tests"]] == ["failed", "passed", "passed", "passed"]
    assert result["tests"][0]["tags"] == ["check-then-act"]
    assert result["extra_data"]["trusted"] is (why_not() is None)


def test_an_image_without_bubblewrap_says_that_results_are_not_trusted(image: Path, tmp_path: Path) -> None:
    hand_in(image / "submission" / "02-idempotence.ipynb", solved("02-idempotence"), "02-idempotence")
    broken = tmp_path / "bin" / "bwrap"
    broken.parent.mkdir()
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    result = run(image, PATH=f"{broken.parent}{os.pathsep}{os.environ['PATH']}")
    assert result["score"] == 10
    assert result["extra_data"]["trusted"] is False
    assert "not trusted" in result["output"]


def test_nothing_to_grade(image: Path) -> None:
    (image / "submission" / "essay.txt").write_text("hello")
    result = run(image)
    assert result["score"] == 0
    assert "no notebook" in result["output"]
