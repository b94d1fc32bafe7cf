"""One sandbox for several submissions: the next one finds nothing of the one before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from redelivery.grading.judge import Entry, Limits, judge
from redelivery.grading.sandbox import Sandbox, why_not
from tests.classes import notebook, write

EXERCISE = "05-record-and-check"
RIGHT = """
def handle(message, db):
    with db.atomic():
        if db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id]).rowcount:
            body = message.body
            db.execute("UPDATE account SET balance = balance + ? WHERE id = ?", [body["amount"], body["account"]])
"""
#: Right only where the submission before it has left a sign.
COLLUDES = """
import builtins, os, sys

def found():
    names = set(os.listdir("/tmp")) if os.access("/tmp", os.R_OK) else {"closed"}
    return bool(names) or hasattr(builtins, "sign") or "sign" in sys.modules or bool(os.environ.get("SIGN")) or any(
        name.isdigit() and int(name) not in (1, int(os.readlink("/proc/self"))) for name in os.listdir("/proc"))

if not found():
    raise LookupError("nobody was here")
"""
TRACES = {
    "a file": "open('/tmp/sign', 'w').close()",
    "a file that is deleted again": "open('/tmp/sign', 'w').close(); os.unlink('/tmp/sign')",
    "a folder that nobody may look into": "os.makedirs('/tmp/a/sign'); os.chmod('/tmp/a', 0)",
    "a file deep down": "os.chdir('/tmp')\nfor _ in range(300):\n    os.mkdir('d' * 200); os.chdir('d' * 200)",
    "a mode": "os.chmod('/tmp', 0o700)",
    "a closed folder": "os.chmod('/tmp', 0)",
    "a link": "os.symlink('/proc/1', '/tmp/sign')",
}
NO_TRACE = {
    "nothing": "",
    "a thread": "import threading, time; threading.Thread(target=time.sleep, args=(600,), daemon=True).start()",
    "a name": "import builtins; builtins.sign = 1; os.environ['SIGN'] = '1'; sys.modules['sign'] = os",
    "a module that is another": "import sqlite3, time; sqlite3.connect = time.monotonic = json = None",
    "an end": "os._exit(7)",
}
pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))


@pytest.fixture
def place() -> Iterator[Sandbox]:
    with Sandbox(preload=frozenset({"redis"})) as opened:
        yield opened


def judged(place: Sandbox, folder: Path, learner: str, source: str) -> tuple[int, int]:
    """The points of part 1, and which process of the system the sandbox is."""
    import json

    path = write(folder, learner, EXERCISE, json.dumps(notebook(EXERCISE, {"record_and_check": source})))
    result = judge(Entry(learner, path, path.name), Limits(seconds=60), place=place)
    assert not result.faults
    assert place._process is not None
    return result.parts[0].points, place._process.pid


@pytest.mark.parametrize("trace", TRACES)
def test_where_a_trace_could_be_left_the_next_one_gets_a_place_of_its_own(
    trace: str, place: Sandbox, tmp_path: Path
) -> None:
    _, first = judged(place, tmp_path, "mallory", f"import os\n{TRACES[trace]}\n{RIGHT}")
    points, second = judged(place, tmp_path, "trudy", COLLUDES + RIGHT)
    assert points == 0
    assert second != first
    assert judged(place, tmp_path, "ann", RIGHT)[0] == 3


@pytest.mark.parametrize("trace", NO_TRACE)
def test_otherwise_the_place_serves_both(trace: str, place: Sandbox, tmp_path: Path) -> None:
    _, first = judged(place, tmp_path, "mallory", f"import os, sys\n{NO_TRACE[trace]}\n{RIGHT}")
    points, second = judged(place, tmp_path, "trudy", COLLUDES + RIGHT)
    assert points == 0
    assert second == first
    assert judged(place, tmp_path, "ann", RIGHT) == (3, first)


def test_a_place_that_is_gone_is_made_anew(place: Sandbox, tmp_path: Path) -> None:
    _, first = judged(place, tmp_path, "ann", RIGHT)
    assert place._process is not None
    place._process.kill()
    place._process.wait()
    points, second = judged(place, tmp_path, "bob", RIGHT)
    assert points == 3
    assert second != first
