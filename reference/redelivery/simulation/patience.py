"""When learner code is taken for endless: by what it computes, not by what the clock on the wall says.

On a busy machine a handler that computes for a moment takes long by any clock, and a verdict must not depend on what
else runs there. So two things are counted, each from the last sign of life. What a thread *computes* counts by its
processor time. What it *waits* for without computing (a lock that nobody will release) counts in ticks of a timer, and
only those in which it used next to no processor::

    alone on the machine   ████████████████████           2 s by the clock, 2 s computed
    beside four others     ██  ██  ██  ██  ██  ██ …       8 s by the clock, 2 s computed, no tick was waited through
    waiting for a lock     ─────────────────────────────  nothing computed, every tick was waited through
"""

from __future__ import annotations

from typing import Literal, NamedTuple

try:
    from time import thread_time
except ImportError:  # where there is one thread
    from time import process_time as thread_time

#: Of a tick: whoever computes less waits. A thread that shares its processor with fifty others still gets this much.
_NEXT_TO_NOTHING = 0.02
#: Seconds over which that is measured. Ticks may be shorter: where the stack is full, few of them come through.
_WINDOW = 0.25


class Endless(NamedTuple):
    """What code has done for too long."""

    did: Literal["computed", "waited"]
    seconds: float

    def __str__(self) -> str:
        return f"it {self.did} for {self.seconds:g} seconds"


class Patience:
    """How long code may go on without a sign of life: ``computing`` seconds of processor time, or ``waiting`` seconds
    during which it uses none. Belongs to one thread, that in which the code runs."""

    def __init__(self, computing: float, waiting: float) -> None:
        self._computing, self._waiting = computing, waiting
        self.part = 1.0
        """What part of these seconds is left, where something endless has been seen before."""
        self.restart()

    def restart(self) -> None:
        """There was a sign of life."""
        self._from = self._last = thread_time()
        self._waited = self._window = 0.0

    def tick(self, seconds: float) -> Endless | None:
        """Called every so many ``seconds``. None: it may go on."""
        now = thread_time()
        self._window += seconds
        if self._window >= _WINDOW:
            if now - self._last < _NEXT_TO_NOTHING * self._window:
                self._waited += self._window
            self._last, self._window = now, 0.0
        if now - self._from >= self.part * self._computing:
            return Endless("computed", self._computing)
        return Endless("waited", self._waiting) if self._waited >= self.part * self._waiting else None
