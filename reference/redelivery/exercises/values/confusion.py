"""Named ways in which two values are taken for one another, and values to which it happens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Generic, TypeVar

V = TypeVar("V", str, int)


@dataclass(frozen=True, slots=True)
class Confusion(Generic[V]):
    """``words`` say what is alike in two values: "their last 4 characters are equal"."""

    words: str
    confused: Callable[[V, V], bool]
    """Whether a value that comes later would be taken for one that is known: (known, new)."""
    key: Callable[[V], object] | None = None
    """What of a value is looked at, where it is one value that is looked at and not two together."""

    def strikes(self, values: Sequence[V]) -> tuple[V, V] | None:
        """The first two of ``values`` that are taken for one another, in the order in which they come."""
        for place, new in enumerate(values):
            for known in values[:place]:
                if known != new and self.confused(known, new):
                    return known, new
        return None


def by_key(words: str, key: Callable[[V], object]) -> Confusion[V]:
    """Values are confused where ``key`` gives the same for both."""
    return Confusion(words, lambda known, new: key(known) == key(new), key)


@dataclass(frozen=True, slots=True)
class Family(Generic[V]):
    """Values among which each of some confusions strikes. They are to be alike in everything else."""

    draw: Callable[[Random], Sequence[V]]
    """Values, all different, in the order in which they have to come."""
    confusions: tuple[Confusion[V], ...]

    def strikes_between(self, known: V, new: V) -> Confusion[V] | None:
        """The first confusion by which one is taken for the other."""
        return next((confusion for confusion in self.confusions if confusion.confused(known, new)), None)


def drawn(families: Sequence[Family[V]], random: Random) -> list[tuple[V, ...]]:
    """The values of each family, all of them different."""
    taken: set[V] = set()
    found = []
    for family in families:
        values = tuple(family.draw(random))
        while not taken.isdisjoint(values):
            values = tuple(family.draw(random))
        taken.update(values)
        found.append(values)
    return found
