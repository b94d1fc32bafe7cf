"""What a process draws and reads when it starts, while the learner's cells are executed for it.

Processes that run from the beginning and those that take the place of a killed one are told apart by an identity, and
everything here follows from it. What a key may not hold differs after a crash; what an owner's name may not be alone is
the same in two processes at work:

- processes of the beginning have one process number, since each has a container of its own, and different hosts;
- a successor has a number of its own, on the host of the second process;
- of what is drawn, the first bits are the same in all processes of the beginning, and others in each successor.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from .chance import start_bytes

#: Identities from here on are those of successors.
SUCCESSORS = 26
#: Milliseconds from a start to the world's moment.
_BEFORE = 60_000


class Start:
    """The start of the process with this ``identity``."""

    def __init__(self, identity: int, is_learners: Callable[[str], bool]) -> None:
        self.is_learners = is_learners
        self.drew = False
        """Whether something was asked for that is another in another process."""
        self._identity = identity
        self._successor = max(identity - SUCCESSORS + 1, 0)
        self._draws = 0
        self._seeded: random.Random | None = None

    def draw_bytes(self, count: int, bits: int | None = None) -> bytes:
        """Random bytes."""
        self.drew = True
        self._draws += 1
        return start_bytes(self._identity, self._successor, count, self._draws)

    def seeded(self) -> random.Random | None:
        """What ``random`` draws from, where a cell has seeded it."""
        return self._seeded

    def seed(self, *arguments: Any, **named: Any) -> None:
        """A cell seeds ``random``."""
        self._seeded = None
        if (*arguments, *named.values()) not in ((), (None,)):
            self._seeded = random.Random(0)
            self._seeded.seed(*arguments, **named)

    def process_number(self) -> int:
        """``os.getpid()``."""
        self.drew = True
        return 7 + self._successor

    def host_name(self) -> str:
        """``socket.gethostname()``."""
        self.drew = True
        return f"consumer-{1 if self._successor else self._identity}"

    def read_clock(self, steady: bool) -> int:
        """Milliseconds since the world's moment, before which all processes started."""
        self.drew = True
        return 1000 * self._successor - _BEFORE
