"""A process that judges one submission after another for `batch`: a line of JSON in, a line of JSON out.

It is trusted, and expendable: what it is given may still make it take too long or too much memory, and then it is ended
from outside and another one takes its place.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import sys
from pathlib import Path

from ..simulation.confine import die_with_parent
from .judge import Entry, Limits, judge
from .sandbox import Sandbox

#: Bytes; of a machine that has less, a third: there are several of these.
_MOST_MEMORY, _LEAST_MEMORY = 8 << 30, 2 << 30
_OF_THE_PROCESS = ("hard_heap_limit", "soft_heap_limit", "temp_store_directory")


def _limit_memory() -> None:
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_AS)
    if sys.platform == "linux" and most == resource.RLIM_INFINITY:
        there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        resource.setrlimit(resource.RLIMIT_AS, (min(_MOST_MEMORY, max(there // 3, _LEAST_MEMORY)), most))


def _shared() -> list[object]:
    """What all connections to SQLite in this process have in common, as far as it can be asked for."""
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        return [connection.execute(f"PRAGMA {name}").fetchall() for name in _OF_THE_PROCESS]


def main() -> None:
    """Serve until there is nothing more on standard input."""
    die_with_parent()
    _limit_memory()
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    place: Sandbox | None = None
    before = _shared()
    for line in sys.stdin:
        work = json.loads(line)
        entry = Entry(work["learner"], Path(work["path"]), work["shown"], work["attempt"])
        limits = Limits(work["seconds"], work["sandbox"], seed=work["seed"])
        place = place or Sandbox(limits.sandbox, limits.confinement, limits.seconds, frozenset({"redis"}))
        result = judge(entry, limits, place=place)
        answers.write(json.dumps(result.to_json()) + "\n")
        answers.flush()
        if _shared() != before:  # the next one gets another process
            return


if __name__ == "__main__":
    main()
