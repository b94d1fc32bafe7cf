"""Somebody else who uses the file, and holds a lock on it for longer than a statement waits: a backup, a report.

It is a process of its own, since whoever is forked from a process with an open database can't use that database.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path


class Outsider:
    """A process that holds a lock, or none."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", __name__]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.holds = False

    def hold(self, file: Path, kind: str) -> bool:
        """Take a lock, to read or to write; whether it was to be had."""
        self.holds = self._ask(f"{kind} {file}")
        return self.holds

    def release(self) -> None:
        """Hold none."""
        if self.holds:
            self._ask("release")
            self.holds = False

    def close(self) -> None:
        """Let it end."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _ask(self, line: str) -> bool:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline() == "held\n"


def main() -> None:
    """Serve until the input ends."""
    connection: sqlite3.Connection | None = None
    for line in sys.stdin:
        kind, _, file = line.rstrip("\n").partition(" ")
        if connection is not None:
            connection.close()
            connection = None
        try:
            if kind != "release":
                connection = sqlite3.connect(file, timeout=0, isolation_level=None)
                connection.execute("BEGIN IMMEDIATE" if kind == "write" else "BEGIN")
                connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.OperationalError:
            assert connection is not None
            connection.close()
            connection = None
        print("held" if connection is not None else "free", flush=True)


if __name__ == "__main__":
    main()
