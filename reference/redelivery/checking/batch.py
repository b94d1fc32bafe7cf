"""Many messages with values that hurt, to be run straight through; and any few of them by themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..exploration.scenario import Scenario
from ..simulation.world import Bounds

#: The name of the scenario that has all of them.
NAME = "values that are easily confused"
_AS_TIME_GOES = ", as time goes by and chance has it"
#: With one consumer. The fault makes room for the schedule in which a message comes twice.
STRAIGHT = Bounds(consumers=1, faults=1)
DrawnMessage = tuple[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Suspects:
    """Messages, by position, that may be taken for one another; ``words`` say by what."""

    words: str
    messages: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """``messages``, of which the first ``straight`` ones are enough to find every confusion, all together.

    ``suspects`` say which few of them (the others are there for this) show a confusion best. ``make``: name and
    messages → a scenario.
    """

    messages: tuple[DrawnMessage, ...]
    straight: int
    suspects: tuple[Suspects, ...]
    make: Callable[[str, Sequence[DrawnMessage]], Scenario]
    again: bool = True
    """Each is delivered once more after it was done."""

    @property
    def whole(self) -> tuple[int, ...]:
        """The positions of the messages that are run straight."""
        return tuple(range(self.straight))

    def scenario(self, chosen: Sequence[int] = (), spread: bool = False) -> Scenario:
        """The scenario of the messages at these positions; of those that are run straight where none are named.
        ``spread``: what is drawn is spread over them, and time goes on; see `Scenario.spread`.

        Raises:
            LookupError: there is no such message.
        """
        for place in chosen:
            if not 0 <= place < len(self.messages):
                raise LookupError(f"there is no message {place + 1}: there are 1 to {len(self.messages)}")
        names = (s.words for s in self.suspects if chosen and set(chosen) <= set(s.messages))
        made = self.make(next(names, NAME), [self.messages[place] for place in chosen or self.whole])
        return replace(made, name=f"{made.name}{_AS_TIME_GOES}", spread=tuple(chosen or self.whole)) if spread else made
