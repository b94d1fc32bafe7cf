"""A process that judges one submission after another for `batch`: a line of JSON in, a line of JSON out.

It is trusted, and expendable: what it is given may still make it take too long or too much memory, and then it is ended
from outside and another one takes its place.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from ..simulation.confine import die_with_parent
from .judge import Entry, Limits, judge
from .sandbox import Sandbox

_MOST_MEMORY = 8 << 30


def _limit_memory() -> None:
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_AS)
    if sys.platform == "linux" and most == resource.RLIM_INFINITY:
        resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, most))


def main() -> None:
    """Serve until there is nothing more on standard input."""
    die_with_parent()
    _limit_memory()
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    place: Sandbox | None = None
    for line in sys.stdin:
        work = json.loads(line)
        entry = Entry(work["learner"], Path(work["path"]), work["shown"], work["attempt"])
        limits = Limits(work["seconds"], work["sandbox"], seed=work["seed"])
        place = place or Sandbox(limits.sandbox, limits.confinement, limits.seconds, frozenset({"redis"}))
        result = judge(entry, limits, place=place)
        answers.write(json.dumps(result.to_json()) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
