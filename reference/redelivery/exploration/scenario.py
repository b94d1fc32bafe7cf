"""What is searched: messages, a prepared database, and what must hold at the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..simulation.sqlite_store import Contents
from ..simulation.world import Bounds


@dataclass(frozen=True)
class Scenario:
    """What a part demands, for one set of messages.

    ``prepare`` fills an empty database (it is given a `sqlite3.Connection`). ``judge`` says in one sentence what
    is wrong with the contents at the end of a run in which everything got acknowledged; None when all claims hold.
    """

    name: str
    entry: str
    messages: Sequence[tuple[str, dict[str, Any]]]
    prepare: Callable[[Any], None]
    judge: Callable[[Contents], str | None]
    bounds: Bounds = field(default_factory=Bounds)
    effects: frozenset[str] = frozenset()
    """The tables that hold the effect of a message; what is kept elsewhere is a mark."""
    watched: tuple[tuple[str, Callable[[Contents], str]], ...] = ()
    """What the timeline shows of the state: column title, and contents → text."""
