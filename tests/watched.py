"""Runs a command and prints how many of the processes that it started, however distant, are left afterwards.

python watched.py LINES FILE COMMAND…  (kills the command with SIGKILL when FILE has LINES lines; 0: lets it end)

Whose parent has ended becomes a child of this process (PR_SET_CHILD_SUBREAPER), so none gets away. Linux only.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
import sys
import time
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
#: Seconds in which what is being ended may end, on the busiest machine.
GRACE = 120.0


def descendants() -> list[int]:
    """Everything below this process that is not a zombie; zombies of ours are taken away."""
    parents: dict[int, int] = {}
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state, parent = (place / "stat").read_text().rpartition(")")[2].split()[:2]
            if state != "Z":
                parents[int(place.name)] = int(parent)
    found, below = [], {os.getpid()}
    while below:
        below = {pid for pid, parent in parents.items() if parent in below}
        found += below
    return found


def main() -> int:
    """Run it."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    lines, file, command = int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]
    started = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    while lines and started.poll() is None:
        if file.exists() and file.read_bytes().count(b"\n") >= lines:
            started.kill()
        time.sleep(0.005)
    status = started.wait()
    until = time.monotonic() + GRACE
    while (left := descendants()) and time.monotonic() < until:
        time.sleep(0.05)
    print(len(left), [(Path("/proc") / str(pid) / "cmdline").read_text()[:80] for pid in left])
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main())
