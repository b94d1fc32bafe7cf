"""What may happen next in a run: the alphabet of schedules."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class Kind(Enum):
    """The kinds of choices; the value is the mark in a schedule's text."""

    STEP = ""
    CRASH = "!"
    REDELIVER = "+"
    LOST = "~"
    ANSWER_LOST = "^"
    LOCK_TIMEOUT = "?"
    FAIL = "-"
    TIME = "@"

    # Compared by identity, so the default slow hash of Enum is not needed.
    __hash__ = object.__hash__


#: The kinds that use up the fault budget, in the order in which `State.faults` counts them.
FAULTS = (
    Kind.CRASH,
    Kind.LOST,
    Kind.REDELIVER,
    Kind.LOCK_TIMEOUT,
    Kind.ANSWER_LOST,
    Kind.FAIL,
    Kind.TIME,
)
FAULT_INDEX = {kind: index for index, kind in enumerate(FAULTS)}

#: Faults that befall a consumer. Among schedules with equally many faults those come first in which only the queue
#: does what queues do: the race of two deliveries is the plainer lesson than the crash that shows the same gap.
CONSUMERS_OWN = frozenset({Kind.CRASH, Kind.LOCK_TIMEOUT, Kind.FAIL})


class Choice(NamedTuple):
    """One choice: what happens, and to which process (by position)."""

    kind: Kind
    process: int


TIME_PASSES = Choice(Kind.TIME, 0)
#: Time passes and nothing else can come to its end, which is no fault.
TIME_IS_LEFT = Choice(Kind.TIME, 1)
