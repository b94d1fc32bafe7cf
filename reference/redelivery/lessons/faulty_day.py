"""A day of a consumer behind a queue, in which things go wrong by chance: what is lost, what is repeated (L2, Q3).

The model of lesson 01's explorer. For each message the queue delivers until it has an acknowledgement; an
acknowledgement may get lost, a message may be delivered twice, and the consumer may crash between its two acts. The
same seed gives the same day.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal

Order = Literal["before the work", "after the work"]
ORDERS: tuple[Order, ...] = ("before the work", "after the work")


@dataclass(frozen=True, slots=True)
class Day:
    """What became of the messages: for each in turn, how often its work was done."""

    done: tuple[int, ...]

    @property
    def lost(self) -> int:
        """Messages whose work was never done."""
        return sum(times == 0 for times in self.done)

    @property
    def repeated(self) -> int:
        """Repetitions: how often work was done beyond the first time."""
        return sum(max(0, times - 1) for times in self.done)

    @property
    def guarantee(self) -> str:
        """What this day looked like."""
        if self.lost and self.repeated:
            return "lost and repeated: neither"
        if self.lost:
            return "lost, never repeated: at most once"
        return "repeated, never lost: at least once" if self.repeated else "every message once, today"


def a_day(
    loss: float, duplication: float, crash: float, acknowledge: Order, seed: int = 8, messages: int = 1000
) -> Day:
    """Simulate a day. The three rates are probabilities from 0 to 0.9: that an acknowledgement gets lost, that the
    queue delivers a message once more, that the consumer crashes between its two acts."""
    luck = random.Random(seed)
    return Day(tuple(_one(luck, loss, duplication, crash, acknowledge) for _ in range(messages)))


def _one(luck: random.Random, loss: float, duplication: float, crash: float, acknowledge: Order) -> int:
    done, due, known = 0, 1, False
    while due:
        due -= 1
        if luck.random() < duplication and not known:
            due += 1
        # Three numbers are drawn in any case, so that one slider does not change what another one does.
        arrives, survives = luck.random() >= loss, luck.random() >= crash
        if acknowledge == "before the work":
            if known or not arrives:  # refused, or without confirmation: the work is left alone
                due += not known and not arrives and not due
                continue
            known = True
            done += survives
        else:
            done += 1
            if survives and arrives:
                known = True
        if not known and not due:
            due += 1
    return done
