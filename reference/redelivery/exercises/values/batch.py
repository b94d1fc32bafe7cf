"""Where the values that hurt become the messages of a part: drawn from a seed, all together or a few that show why."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from random import Random
from typing import Any

from ...scenarios import Batch, DrawnMessage, Scenario, Suspects
from .confusion import Family, drawn
from .numbers import FLOATS, NUMBERS
from .texts import TEXTS, compact, lists


@dataclass
class Drawing:
    """Where a batch comes into being. ``name`` makes the draws of different parts differ."""

    seed: int
    name: str
    random: Random = field(init=False)
    straight: list[DrawnMessage] = field(default_factory=list)
    _shown: list[tuple[str, list[DrawnMessage]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = Random(f"{self.seed} {self.name}")

    def run(self, messages: Sequence[DrawnMessage]) -> None:
        """These are run straight."""
        self.straight += messages

    def show(self, words: str, messages: Sequence[DrawnMessage]) -> None:
        """These show a confusion, should it strike among those that are run."""
        self._shown.append((words, list(messages)))

    def add(self, words: str, messages: Sequence[DrawnMessage]) -> None:
        """These do both."""
        self.run(messages)
        self.show(words, messages)

    def identities(self, message: Callable[[str], DrawnMessage]) -> None:
        """Messages that ask for different things by nothing but a text of theirs. ``message`` makes one of a text."""
        self.run([message(text) for text in compact(self.random)])
        for texts in lists(Random(f"{self.seed} {self.name} lists")):
            self.add("a text that is a list of others", [message(text) for text in texts])
        for family, texts in zip(TEXTS, drawn(TEXTS, self.random), strict=True):
            self.show(_words(family), [message(text) for text in texts])

    def numbers(self, floats: bool = True) -> list[tuple[int, ...]]:
        """Numbers that name something, those together that are easily taken for one another; ``floats``: also those
        that floats can't tell apart."""
        return drawn((*NUMBERS, FLOATS) if floats else NUMBERS, self.random)

    def among(self, values: Sequence[Any]) -> Iterator[Any]:
        """These values over and over, shuffled."""
        return cycle(self.random.sample(values, len(values)))

    def batch(
        self, make: Callable[[str, Sequence[DrawnMessage]], Scenario], *, rename: bool = False, again: bool = True
    ) -> Batch:
        """What has been drawn. With ``rename`` messages get ids that are easily confused, though they are not what
        makes a message another one: nobody may drop a message for that."""
        straight, shown = self.straight, [(words, [*messages]) for words, messages in self._shown]
        if rename:
            bodies = [body for _, body in straight]
            ids = [*compact(self.random), *(f"m-{n}" for n in range(len(straight)))]
            assert len(straight) >= len(compact(self.random)), "too few messages for all ids that are easily confused"
            straight = list(zip(ids, bodies, strict=False))
            others = cycle(bodies)
            for family, texts in zip(TEXTS, drawn(TEXTS, self.random), strict=True):
                shown.append((f"ids of messages: {_words(family)}", [(text, next(others)) for text in texts]))
        messages, suspects = list(straight), []
        for words, some in shown:
            places = tuple(range(len(messages), len(messages) + len(some)))
            messages += some
            suspects.append(Suspects(words, places))
        return Batch(tuple(messages), len(straight), tuple(suspects), make, again)


def _words(family: Family[Any]) -> str:
    return family.confusions[0].words


#: Texts and numbers that read alike when they are put together without a sign between them, or with the sign of a
#: debit: (text, account, amount) each, which agree in what is not put together.
JOINED: tuple[tuple[str, tuple[tuple[str, int, int], ...]], ...] = (
    ("the text and the account", (("x1", 23, 70), ("x12", 3, 70))),
    ("the account and the text", (("3x", 12, 70), ("23x", 1, 70))),
    ("the text and the amount", (("y1", 12, 45), ("y14", 12, 5))),
    ("the amount and the text", (("3y", 12, 14), ("43y", 12, 1))),
    ("the text, the account and the amount", (("w12", 34, 5), ("w1", 23, 45))),
    ("the account, the amount and the text", (("34z", 1, 2), ("4z", 12, 3))),
    ("the text, a hyphen and the amount", (("u-", 12, 5), ("u", 12, -5))),
)
