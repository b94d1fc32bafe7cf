"""The time that a submission may take, counted so that it is the same on a busy machine.

Two things are charged: what the grader computes for it, and the time for which it keeps the grader waiting for an
answer, less that in which its processes were ready and the machine had no processor for them::

    grader      ███ question ·········································· answer ███
    submission               ░░░░██░░░░██░░░░██░░░░──────────────────██
                             ░ ready, no processor: not charged   ─ waits for something: charged   █ computes: charged
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic, thread_time
from typing import Any

from ..simulation.remote import OutOfTime
from ..simulation.wire import Pipe

#: By how much the clock on the wall may go beyond what is charged; also where the machine doesn't say who was ready.
GENEROUS = 8
#: Seconds of waiting after which the machine is asked how much of it is charged.
_LOOK = 0.5
#: Seconds that a wait is prolonged by at least.
_AT_LEAST = 0.05


class Allowance:
    """``seconds`` for one submission, from now on. Belongs to the thread that judges.

    ``not_charged``: seconds so far in which its processes were ready and had no processor; None where nobody knows.
    """

    def __init__(self, seconds: float, not_charged: Callable[[], float | None]) -> None:
        self._seconds = seconds
        self._not_charged = not_charged
        self._began, self._computed = monotonic(), thread_time()
        self._charged = 0.0
        self._waited = 0.0
        """By the clock on the wall, since it was last found out how much of it is charged."""
        self._mark = not_charged() or 0.0
        """What was not charged until then."""

    def left(self) -> float:
        """Seconds that remain."""
        if self._waited >= _LOOK:
            charge, self._mark = self._charge(self._waited)
            self._charged += charge
            self._waited = 0.0
        spent = thread_time() - self._computed + self._charged
        return min(self._seconds - spent, self._left_on_the_wall())

    def _left_on_the_wall(self) -> float:
        return GENEROUS * self._seconds - (monotonic() - self._began)

    def receive(self, pipe: Pipe, seconds: float) -> Any:
        """The next message of the submission, for which it is charged ``seconds`` at most.

        Raises:
            OutOfTime: nothing is left.
            Silent, Gone, Nonsense: as `Pipe.receive`.
        """
        left = self.left()
        if left <= 0:
            raise OutOfTime
        most, began = min(seconds, left), monotonic()

        def more() -> float:
            remains = min(most - self._charge(monotonic() - began)[0], self._left_on_the_wall())
            return max(remains, _AT_LEAST) if remains > 0 else 0.0

        try:
            return pipe.receive(most, more)
        finally:
            self._waited += monotonic() - began

    def _charge(self, waited: float) -> tuple[float, float]:
        """How much of a wait is charged, and all that was not charged so far."""
        so_far = self._not_charged()
        if so_far is None:
            return waited / GENEROUS, self._mark
        return max(waited - (so_far - self._mark), 0.0), so_far
