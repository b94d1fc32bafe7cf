"""What a handler is given, and what it may raise."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any


class Retry(Exception):
    """Raised by a handler on purpose: "not now, deliver this message again later".

    Unlike other exceptions it does not count towards the dead-letter queue.
    """


class StaleDelivery(ConnectionError):
    """Raised by ``queue.ack`` when the queue has meanwhile delivered the message to somebody else."""


class Message:
    """One delivery of one message.

    ``id`` is a str that the producer chose, ``body`` a dict. ``attempt`` counts deliveries from 1;
    ``redelivered`` is True from the second on. Both are what the queue believes, not what happened.
    """

    __slots__ = ("_ask_attempt", "_delivery", "body", "id")

    def __init__(self, id: str, body: Mapping[str, Any], ask_attempt: Callable[[], int] | None = None) -> None:
        self.id = id
        plain = all(type(value) in (int, str) for value in body.values())
        self.body: dict[str, Any] = dict(body) if plain else copy.deepcopy(dict(body))
        self._ask_attempt = ask_attempt
        self._delivery: object = None

    def __copy__(self) -> Message:
        twin = Message(self.id, {}, self._ask_attempt)
        twin.body, twin._delivery = self.body, self._delivery
        return twin

    def __deepcopy__(self, memo: dict[int, Any]) -> Message:
        twin = self.__copy__()
        twin.body = copy.deepcopy(self.body, memo)
        return twin

    def __replace__(self, **changes: Any) -> Message:
        """What `copy.replace` makes, from Python 3.13 on."""
        twin = self.__copy__()
        for name, value in changes.items():
            setattr(twin, name, value)
        return twin

    def __reduce__(self) -> tuple[Any, ...]:
        """What is pickled is this moment's message: its count doesn't go up when it is delivered again."""
        return _pickled, (self.id, self.body, self.attempt)

    @property
    def attempt(self) -> int:
        """How often the queue has delivered this message so far, this time included."""
        return 1 if self._ask_attempt is None else self._ask_attempt()

    @property
    def redelivered(self) -> bool:
        """Whether the queue has delivered this message before. A hint, no more."""
        return self.attempt > 1

    def __repr__(self) -> str:
        return f"Message(id={self.id!r}, body={self.body!r})"


def _pickled(identity: str, body: Mapping[str, Any], attempt: int) -> Message:
    return Message(identity, body, lambda: attempt)
