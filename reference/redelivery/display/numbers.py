"""How many schedules: a number that can still be read, or that it is beyond all counting."""

from __future__ import annotations

#: Above this, digits say nothing any more.
MOST = 10**12
#: The largest number that is written in digits for a program: Python refuses to write more than 4,300 of them.
_MOST_WRITTEN = 10**4000


def count_words(count: int) -> str:
    """``count`` for people: ``6,103,528``, or ``more than 10^12``."""
    return f"{count:,}" if count <= MOST else "more than 10^12"


def schedules_words(count: int) -> str:
    """``1 schedule``, ``6,103,528 schedules``."""
    return f"{count_words(count)} schedule{'' if count == 1 else 's'}"


def for_programs(count: int) -> int:
    """``count`` for JSON: the integer itself, which may be longer than a reader's own numbers; 10^4000 stands for any
    that is larger still."""
    return min(count, _MOST_WRITTEN)
