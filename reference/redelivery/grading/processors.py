"""How long a submission's processes were ready and got no processor, as Linux keeps it for each process.

On a busy machine that is most of the time, and no fault of theirs. Source: Documentation/scheduler/sched-stats.rst, of
``/proc/PID/schedstat``: nanoseconds on a processor, nanoseconds ready and waiting for one, number of times.
"""

from __future__ import annotations

from pathlib import Path

_PROC = Path("/proc")


class WaitsForProcessors:
    """Counts for a process and all below it."""

    def __init__(self) -> None:
        self._known: dict[int, int] = {}
        self._nanoseconds = 0

    def seconds(self, process: int) -> float | None:
        """The time since the first call, of processes that have ended since the last one too little; None where this
        machine does not say."""
        found = {number: _waited(number) for number in _family(process)}
        if found.get(process) is None:
            return None
        for number, waited in found.items():
            if waited is not None:
                before = self._known.get(number, 0)
                self._nanoseconds += waited - before if waited >= before else waited  # a number is used again
                self._known[number] = waited
        return self._nanoseconds / 1e9


def _waited(process: int) -> int | None:
    try:
        return int((_PROC / str(process) / "schedstat").read_bytes().split()[1])
    except (OSError, ValueError, IndexError):
        return None


def _family(process: int) -> list[int]:
    """A process and everything below it."""
    found, todo = [], [process]
    while todo:
        found.append(number := todo.pop())
        try:
            todo += map(int, (_PROC / str(number) / "task" / str(number) / "children").read_bytes().split())
        except (OSError, ValueError):
            continue
    return found
