"""Notebooks as somebody who means harm would hand them in."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from redelivery.grading.judge import Entry

FOLDER = Path(__file__).parent / "submissions"
EXERCISES = Path(__file__).parents[2] / "exercises"
_OF_PART = {
    "at_most_once": "01-delivery-guarantees",
    "at_least_once": "01-delivery-guarantees",
    "claims": "02-idempotence",
    "break_it": "05-record-and-check",
    "record_and_check": "05-record-and-check",
    "record_and_check_redis": "05-record-and-check",
}


@dataclass(frozen=True, slots=True)
class Attack:
    """One file of ``submissions/``: what it tries, in which part, what it is honestly worth, and what it may take."""

    name: str
    what: str
    part: str
    is_honest: bool
    """Worth all points of its part; otherwise none."""
    seconds: float
    source: str

    def __str__(self) -> str:
        return self.name

    @property
    def exercise(self) -> str:
        """The exercise that its part belongs to."""
        return _OF_PART[self.part]

    def write(self, folder: Path) -> Path:
        """Its notebook: an exercise as it was handed out, with this answer."""
        content = json.loads((EXERCISES / f"{self.exercise}.ipynb").read_text(encoding="utf-8"))
        for cell in content["cells"]:
            if cell["metadata"].get("nbgrader", {}).get("grade_id") == self.part:
                cell["source"] = self.source
        path = folder / f"{self.name}.ipynb"
        path.write_text(json.dumps(content), encoding="utf-8")
        return path


def attacks() -> list[Attack]:
    """All of them, by name."""
    found = []
    for path in sorted(FOLDER.glob("*.py")):
        source = path.read_text(encoding="utf-8")
        what, part, honest, seconds = (line.removeprefix("# ") for line in source.splitlines()[:4])
        found.append(
            Attack(
                path.stem,
                what,
                part.removeprefix("part: "),
                honest == "honest: all",
                float(seconds.removeprefix("seconds: ")),
                source,
            )
        )
    return found


#: A right answer that needs what a neighbour may have taken away: files, memory, threads, time, the temp folder.
NEIGHBOUR = """
import os, tempfile, threading, time
opened = [open(os.devnull) for _ in range(60)]
memory = bytearray(1 << 24)
threads = [threading.Thread(target=time.sleep, args=(0.01,)) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
with tempfile.TemporaryFile() as file:
    file.write(memory[: 1 << 20])
assert sum(range(100_000)) == 4999950000
claims = {
    "raise_to_minimum": True,
    "pay_if_enough": False,
    "keep_last_digit": True,
    "note_once": True,
    "serve_next": False,
    "squeeze_spaces": False,
    "drop_coupon": True,
    "toggle": False,
}
"""


def neighbour(folder: Path, learner: str = "neighbour", source: str = NEIGHBOUR) -> Entry:
    """Somebody who solves the part ``claims``, worth 3 points, with this source."""
    attack = Attack(learner, "", "claims", True, 60.0, source)
    return Entry(learner, attack.write(folder), learner)
