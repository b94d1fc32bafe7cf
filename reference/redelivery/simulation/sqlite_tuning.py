"""PRAGMAs that change how fast a connection is and how long it waits, and nothing of what it reads or writes.

They are answered here: a real waiting time would make the world wait, and a real cache would take this machine's
memory. Defaults are those of SQLite 3.40; see https://www.sqlite.org/pragma.html.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_PRAGMA = re.compile(
    r"""PRAGMA\s+(?:\w+\s*\.\s*)?(\w+)\s*(?:(?:=\s*|\(\s*)['"]?([-+]?\w+)['"]?\s*\)?)?\s*;?\s*""", re.IGNORECASE
)
_WORDS = {"on": 1, "yes": 1, "true": 1, "off": 0, "no": 0, "false": 0}
_STORES = {"default": 0, "file": 1, "memory": 2}


class _Kind(NamedTuple):
    default: int
    answers: bool = False
    """Setting it gives the new value as a row."""
    column: str = ""
    """The column's name, where it is not that of the PRAGMA."""
    least: int | None = None
    switch: bool = False


_KINDS = {
    "automatic_index": _Kind(1, switch=True),
    "busy_timeout": _Kind(5000, answers=True, column="timeout", least=0),
    "cache_size": _Kind(-2000),
    "cache_spill": _Kind(483),
    "checkpoint_fullfsync": _Kind(0, switch=True),
    "fullfsync": _Kind(0, switch=True),
    "journal_size_limit": _Kind(-1, answers=True, least=-1),
    "mmap_size": _Kind(0, answers=True, least=0),
    "read_uncommitted": _Kind(0, switch=True),  # without a shared cache it changes nothing
    "secure_delete": _Kind(0, answers=True, switch=True),
    "temp_store": _Kind(0),
    "threads": _Kind(0, answers=True, least=0),
    "wal_autocheckpoint": _Kind(1000, answers=True, least=0),
}


class Tuned(NamedTuple):
    """What such a PRAGMA gives: its rows, and its columns if it gives any."""

    rows: tuple[tuple[int, ...], ...]
    columns: tuple[str, ...] | None


class Tuning:
    """What one connection has been told."""

    __slots__ = ("_values",)

    def __init__(self) -> None:
        self._values: dict[str, int] = {}

    def answer(self, sql: str) -> Tuned | None:
        """What the PRAGMA gives; None if it is another, which SQLite has to carry out."""
        match = _PRAGMA.fullmatch(sql)
        name = match[1].lower() if match is not None else ""
        if match is None or name not in _KINDS:
            return None
        kind = _KINDS[name]
        columns = (kind.column or name,)
        if match[2] is None:
            return Tuned(((self._values.get(name, kind.default),),), columns)
        self._values[name] = value = _number(name, kind, match[2].lower())
        return Tuned(((value,),), columns) if kind.answers else Tuned((), None)


def _number(name: str, kind: _Kind, text: str) -> int:
    """What SQLite makes of a value: a word that it doesn't know is 0."""
    if name == "temp_store" and text in _STORES:
        return _STORES[text]
    try:
        value = int(text)
    except ValueError:
        value = _WORDS.get(text, 0) if kind.switch else 0
    if kind.switch:
        return int(value != 0)
    return value if kind.least is None else max(value, kind.least)
