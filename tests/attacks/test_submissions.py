"""No submission gains a point, stalls the grader, touches what is not its own, or leaves anything behind.

After each comes a neighbour who is right and needs files, memory, threads and time: it gets its points.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from redelivery.grading import sandbox as sandboxes
from redelivery.grading.allowance import GENEROUS
from redelivery.grading.judge import Entry, Limits, judge
from redelivery.grading.result import Kind
from redelivery.simulation import remote
from tests.attacks.hand_in import Attack, attacks, neighbour

pytestmark = pytest.mark.skipif(
    sandboxes.why_not() is not None, reason=f"no isolation on this machine: {sandboxes.why_not()}"
)
TOUCHED = Path("/tmp/grader-was-here")
#: Seconds in which a sandbox is taken down, on the busiest machine.
AFTERWARDS = 300.0


def _namespace(process: int) -> str | None:
    """The process namespace of a process's child."""
    try:
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
        return os.readlink(f"/proc/{children[0]}/ns/pid") if children else None
    except OSError:
        return None


def _still_there(namespaces: set[str]) -> list[str]:
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(place / "ns" / "pid") in namespaces:
                found.append((place / "cmdline").read_text()[:100])
        except OSError:
            continue
    return found


@pytest.mark.parametrize("attack", attacks(), ids=str)
def test_an_attack_gets_the_honest_score(attack: Attack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "grades.csv"
    own.write_text("learner,points\nann,3\n")
    monkeypatch.setenv("GRADER_CANARY", "not for submissions")
    monkeypatch.chdir(tmp_path)
    namespaces: set[str] = set()
    close = sandboxes.Sandbox.close

    def noted(self: sandboxes.Sandbox) -> None:
        if self._process is not None and (found := _namespace(self._process.pid)):
            namespaces.add(found)
        close(self)

    monkeypatch.setattr(sandboxes.Sandbox, "close", noted)
    # As long as honest code may think; shorter here, since the deaf ones use it up.
    monkeypatch.setattr(remote, "ANSWER_SECONDS", 3.0)
    monkeypatch.setattr(remote, "OPENING_SECONDS", 8.0)
    started = time.monotonic()
    written = attack.write(tmp_path)
    with sandboxes.Sandbox(seconds=attack.seconds, preload=frozenset({"redis", "numpy"})) as place:
        result = judge(Entry("mallory", written, attack.name), Limits(seconds=attack.seconds), place=place)
        took = time.monotonic() - started
        next_one = judge(neighbour(tmp_path), Limits(seconds=600), place=place)
    assert next_one.points == 3, [part.explanation for part in next_one.parts]
    (tmp_path / "neighbour.ipynb").unlink()
    part = next(part for part in result.parts if part.part == attack.part)
    assert part.points == (part.max_points if attack.is_honest else 0), part.explanation
    assert result.points == part.points
    assert not result.faults, [p.explanation for p in result.parts if p.kind is Kind.FAULT]
    assert took < GENEROUS * attack.seconds + AFTERWARDS
    assert own.read_text() == "learner,points\nann,3\n"
    assert not TOUCHED.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([own.name, f"{attack.name}.ipynb"])
    assert namespaces
    until = time.monotonic() + AFTERWARDS
    while (left := _still_there(namespaces)) and time.monotonic() < until:
        time.sleep(0.1)
    assert left == []
