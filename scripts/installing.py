"""Runs pip and tells what it is doing, in one line on a terminal and in a few elsewhere; all it said is kept in a file.

python scripts/installing.py LOG SITE-PACKAGES COMMAND …

The exit status is the command's. When it fails, its last lines are shown.
"""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from pathlib import Path
from time import monotonic

#: Packages after which a line is printed where there is no terminal; lines of a failure that are shown.
_EVERY, _LAST = 40, 25
_NAME = re.compile(r"[\w.-]+")


class Progress:
    """What can be told from pip's lines and from what is in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.looked_at: set[str] = set()
        self.now = ""
        self.total = 0
        self.before = self.installed

    @property
    def installed(self) -> int:
        """How many packages there are."""
        return sum(1 for _ in self.folder.glob("*.dist-info"))

    def hear(self, line: str) -> None:
        """Take note of one of pip's lines."""
        verb, _, rest = line.strip().partition(" ")
        name = _NAME.match(rest.removeprefix("already satisfied: "))
        if verb in ("Collecting", "Requirement") and name:
            self.looked_at.add(name[0].lower())
            self.now = name[0]
        elif verb in ("Downloading", "Using"):
            self.now = rest.removeprefix("cached ").rpartition("/")[2]
        elif line.startswith("Installing collected packages:"):
            self.total = line.count(",") + 1

    @property
    def phase(self) -> str:
        """What is being done."""
        return "installing" if self.total else "fetching packages"

    @property
    def count(self) -> int:
        """How many packages that has been done with."""
        return min(self.installed - self.before, self.total) if self.total else len(self.looked_at)

    def __str__(self) -> str:
        if self.total:
            return f"installing {self.count} of {self.total} packages"
        return f"fetching packages: {self.count} so far, {self.now}"


def watched(command: list[str], log: Path, folder: Path) -> int:
    """Run a command, and show how far it is."""
    progress, started = Progress(folder), monotonic()
    is_terminal = sys.stdout.isatty()
    over = threading.Event()
    told: set[tuple[str, int]] = set()
    one_at_a_time = threading.Lock()

    def show() -> None:
        with one_at_a_time:
            if is_terminal:
                print(f"\r\033[K  {monotonic() - started:.0f} s  {str(progress)[:66]}", end="", flush=True)
            elif (key := (progress.phase, progress.count // _EVERY)) not in told and progress.count:
                told.add(key)
                print(f"  {progress}", flush=True)

    def tick() -> None:
        while not over.wait(0.5):
            show()

    ticking = threading.Thread(target=tick, daemon=True)
    ticking.start()
    with log.open("w", encoding="utf-8") as file:
        running = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        assert running.stdout is not None
        for line in running.stdout:
            file.write(line)
            progress.hear(line)
            show()
        status = running.wait()
    over.set()
    ticking.join()
    if is_terminal:
        print("\r\033[K", end="")
    if status:
        print("".join(log.read_text("utf-8").splitlines(keepends=True)[-_LAST:]), file=sys.stderr)
    else:
        print(f"  done: {progress.installed} packages, {monotonic() - started:.0f} s")
    return status


if __name__ == "__main__":
    try:
        sys.exit(watched(sys.argv[3:], Path(sys.argv[1]), Path(sys.argv[2])))
    except KeyboardInterrupt:
        sys.exit("\nstopped; the same command begins anew")
