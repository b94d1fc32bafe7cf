"""A checkout of the course of one's own, for tests that write into it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from datetime import datetime
from pathlib import Path

from redelivery.workspace.record import SWITCH

ROOT = Path(__file__).parents[1]
NOW = datetime(2030, 1, 2, 3, 4, 5)
STAMP = "2030-01-02-030405"


def make_checkout(folder: Path) -> Path:
    """The package, the first lesson, and the exercises as handed out."""
    shutil.copytree(
        ROOT / "reference/redelivery", folder / "reference/redelivery", ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copytree(folder / "reference/redelivery/handed_out", folder / "exercises")
    (folder / "course").mkdir()
    shutil.copy(ROOT / "course/00-start-here.ipynb", folder / "course")
    shutil.copy(ROOT / ".gitignore", folder)
    return folder


def run(checkout: Path, *arguments: str, cwd: Path | None = None, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Python, with the package of that checkout."""
    environment = {name: value for name, value in os.environ.items() if name != SWITCH}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd or checkout,
        input=stdin,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**environment, "PYTHONPATH": str(checkout / "reference"), "PYTHONDONTWRITEBYTECODE": "1"},
        timeout=60,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


def redelivery(checkout: Path, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """The command line of that checkout."""
    return run(checkout, "-m", "redelivery.cli", *arguments, stdin=stdin)
