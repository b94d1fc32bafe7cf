"""What a test run sets for all checks in it: bounds, one schedule to replay, where pages go. See `pytest_plugin`."""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass
class Settings:
    """None: what the check itself says."""

    consumers: int | None = None
    faults: int | None = None
    seconds: float | None = None
    replay: str | None = None
    width: int | None = None
    again: str = ""
    """The command that replays a schedule, with ``{}`` in place of the schedule."""
    stop: Callable[[Any, str], None] | None = None
    """Called with the frame of a consumer that has passed the point of no return, and words on where that is."""
    checks: int = 0
    """How many checks there were in this test."""
    listeners: list[Callable[[Any], None]] = field(default_factory=list)

    def counted(self) -> Settings:
        """These settings for the next check. In a test with several, a schedule names the one that it is of::

        "#2:AAAA~AAAA"      of the second check; the others are searched
        """
        self.checks += 1
        replay, number = self.replay, f"#{self.checks}:"
        if replay is not None and replay.startswith("#"):
            replay = replay.removeprefix(number) if replay.startswith(number) else None
        again = self.again.replace("{}", number + "{}") if self.checks > 1 else self.again
        return replace(self, replay=replay, again=again)

    def note(self, result: Any) -> None:
        """Tell everybody who listens what a check gave."""
        for listener in self.listeners:
            listener(result)


_current: contextvars.ContextVar[Settings | None] = contextvars.ContextVar("redelivery settings", default=None)


def current() -> Settings:
    """The settings in force."""
    return _current.get() or Settings()


@contextlib.contextmanager
def in_force(settings: Settings) -> Iterator[Settings]:
    """Put settings in force."""
    token = _current.set(settings)
    try:
        yield settings
    finally:
        _current.reset(token)
