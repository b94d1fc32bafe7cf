"""What can be said after a search."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from ..simulation.choices import Choice
from ..simulation.sqlite_store import Journal


@dataclass(frozen=True, slots=True)
class Proved:
    """No schedule within the bounds violates the claims, and all were covered."""

    name: ClassVar[str] = "proved"
    schedules: int
    states: int
    limits: tuple[str, ...] = ()
    """What was cut off besides the bounds, in words."""


@dataclass(frozen=True, slots=True)
class Refuted:
    """The smallest counterexample: fewest faults, then fewest switches, then shortest."""

    name: ClassVar[str] = "refuted"
    schedule: tuple[Choice, ...]
    journal: Journal
    schedules: int
    states: int
    claim: str


@dataclass(frozen=True, slots=True)
class Stuck:
    """A message is never acknowledged, whatever happens after ``schedule``."""

    name: ClassVar[str] = "stuck"
    schedule: tuple[Choice, ...]
    journal: Journal
    schedules: int
    states: int
    reason: str
    """``poison``, ``hung``, ``circle`` (it goes on for ever) or ``dead end`` (nobody can go on)."""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Undetermined:
    """Nothing can be said; never a success."""

    name: ClassVar[str] = "undetermined"
    reason: str
    schedules: int = 0
    states: int = 0
    line: tuple[str, int] | None = field(default=None)
    unsupported: bool = False
    """The answer uses what the simulation has not: looking longer or elsewhere gives no verdict either."""

    @classmethod
    def for_want_of(cls, what: str, line: tuple[str, int] | None, schedules: int = 0, states: int = 0) -> Undetermined:
        """The answer uses ``what`` at ``line``, which the simulation has not."""
        why = f"the answer uses what this simulation does not have: {what}. Find another way"
        return cls(why, schedules, states, line, True)


Verdict = Proved | Refuted | Stuck | Undetermined
