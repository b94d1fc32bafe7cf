"""What lesson 05 shows of two stores and one crash (topic B7)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ..checking.handler_part import HandlerPart
from ..checking.part import Report
from ..exercises.record_and_check import NAME, ONE
from ..exploration.scenario import deliver
from ..simulation.calls import Tool
from ..simulation.program import FunctionProgram

_PART = HandlerPart(
    "two_stores",
    0,
    (replace(ONE, call=deliver("handle", Tool.DB, Tool.REDIS), uses_redis=True),),
    (("handle", ("message", "db", "redis")),),
    ("wal",),
)


def two_stores(handle: Callable[..., Any]) -> Report:
    """Check ``handle(message, db, redis)``, which has account 666 in SQLite and may keep its marks in Redis.

    One message, two consumers, at most two faults. It is no part of an exercise.

    Raises:
        CannotCopy: the function holds something that two consumers can't have each for themselves.
    """
    return _PART.check(NAME, FunctionProgram({"handle": handle}))
