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


class Fault(NamedTuple):
    """What can go wrong in the world: a row of the table that everything else reads.

    When it can happen and what it does are rules: `World.faults`, `World.apply`.
    """

    kind: Kind
    bound: str
    """The field of `Bounds` that says how often it happens at most."""
    sign: str
    """How a schedule's text names it; ``{}`` is the letter of the process."""
    short: str
    """What it is, beside its sign."""
    label: str
    """What a button says that makes it happen."""
    one: str
    many: str
    """How it is counted."""
    own: bool = False
    """It befalls a consumer. Among schedules with equally many faults those come first in which only the queue does
    what queues do: the race of two deliveries is the plainer lesson than the crash that shows the same gap."""


#: Every fault, in the order in which `State.faults` counts them.
FAULTS = (
    Fault(Kind.CRASH, "crashes", "{}!", "crash", "{} crashes", "crash", "crashes", own=True),
    Fault(
        Kind.REDELIVER,
        "redeliveries",
        "+{}",
        "deliver again",
        "the queue delivers {}'s message again",
        "extra redelivery",
        "extra redeliveries",
    ),
    Fault(
        Kind.LOST,
        "lost_acks",
        "{}~",
        "lost acknowledgement",
        "what {} sends is lost",
        "lost acknowledgement",
        "lost acknowledgements",
    ),
    Fault(
        Kind.ANSWER_LOST,
        "lost_answers",
        "{}^",
        "lost answer",
        "the answer to {} is lost",
        "lost answer",
        "lost answers",
    ),
    Fault(
        Kind.FAIL,
        "failures",
        "{}-",
        "process fails",
        "{}'s work fails",
        "failing effect",
        "failing effects",
        own=True,
    ),
    Fault(
        Kind.LOCK_TIMEOUT,
        "lock_timeouts",
        "{}?",
        "lock time-out",
        "{}'s wait for the lock ends",
        "lock time-out",
        "lock time-outs",
        own=True,
    ),
    Fault(Kind.TIME, "expiries", "@", "time passes", "time passes", "passing of time", "passings of time"),
)
FAULT_INDEX = {fault.kind: index for index, fault in enumerate(FAULTS)}
CONSUMERS_OWN = frozenset(fault.kind for fault in FAULTS if fault.own)


def fault_of(kind: Kind) -> Fault:
    """The row of a fault's kind."""
    return FAULTS[FAULT_INDEX[kind]]


class Choice(NamedTuple):
    """One choice: what happens, and to which process (by position)."""

    kind: Kind
    process: int


TIME_PASSES = Choice(Kind.TIME, 0)
#: Time passes and nothing else can come to its end, which is no fault.
TIME_IS_LEFT = Choice(Kind.TIME, 1)
