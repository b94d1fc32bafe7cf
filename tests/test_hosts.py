"""A call is run from its start, and unwound at the operation that has no answer: that leaves no trace."""

from __future__ import annotations

import sys

import pytest

from redelivery.exercises.record_and_check import NAME, RECORD_AND_CHECK
from redelivery.simulation.program import Cell, SourceProgram

ONCE = """
    with db.atomic():
        new = db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id]).rowcount
        if new:
            b = message.body
            db.execute("UPDATE account SET balance = balance + ? WHERE id = ?", [b["amount"], b["account"]])
"""


DECORATED = """
import functools

def quietly(function):
    @functools.wraps(function)
    def inner(message, db):
        try:
            function(message, db)
        except Exception:
            raise
    return inner

@quietly
def handle(message, db):
"""


def verdict_of(source: str) -> str:
    return RECORD_AND_CHECK.check(NAME, SourceProgram([Cell("record_and_check", source)])).verdict.name


def around(before: str, after: str) -> str:
    """A right handler within a ``try``."""
    body = "\n".join(f"    {line}" for line in ONCE.splitlines())
    return f"{before}\ndef handle(message, db):\n    try:{body}\n{after}"


@pytest.mark.parametrize(
    "source",
    [
        around("ended = []", "    finally:\n        ended.clear()"),
        around(
            "",
            "    except Exception:\n        raise\n    except BaseException:\n        db.execute('DELETE')",
        ),
        around(
            "import contextlib",
            "    finally:\n        with contextlib.suppress(BaseException):\n            db.close()",
        ),
        DECORATED + ONCE,
    ],
    ids=["finally that clears", "except that deletes", "finally that closes", "a decorator"],
)
def test_what_a_crash_makes_except_and_finally_do_reaches_nothing(source: str) -> None:
    assert verdict_of(source) == "proved"


COUNTED = """
crashes = 0

def handle(message, db):
    global crashes
    done = False
    try:{}
        done = True
    except Exception:
        done = True
        raise
    finally:
        if not done:
            crashes += 1
    if crashes:
        raise RuntimeError("this process has been killed before, and it remembers")
"""


def test_nobody_remembers_that_a_call_was_unwound() -> None:
    assert verdict_of(COUNTED.format(ONCE.replace("\n    ", "\n        "))) == "proved"


STUBBORN = """
def handle(message, db):
    while True:
        try:
            try:
                {}
                return
            except:
                pass
        except:
            pass
        finally:
            pass
"""


@pytest.mark.parametrize(
    "body",
    ["db.execute('UPDATE account SET balance = balance').fetchall(); 1 / 0", "while True: pass"],
    ids=["that asks", "that asks for nothing"],
)
def test_who_catches_everything_for_ever_is_left_all_the_same(body: str) -> None:
    trace = sys.gettrace()
    assert verdict_of(STUBBORN.format(body)) in ("stuck", "refuted")
    assert sys.gettrace() is trace


DRAWN_AT_THE_START = """
import uuid
ME = uuid.uuid4().hex

def handle(message, db):
    if db.execute("SELECT count(*) FROM processed WHERE message_id = ?", [ME]).fetchone()[0] > 10:
        raise RuntimeError
"""


def test_what_cells_draw_is_the_same_each_time_a_process_is_run_again() -> None:
    assert verdict_of(DRAWN_AT_THE_START + ONCE) == "proved"


ASYNC = """
import asyncio

async def pause():
    await asyncio.sleep(0)

def handle(message, db):
    asyncio.run(pause())
"""


def test_coroutines_run_within_a_call() -> None:
    assert verdict_of(ASYNC + ONCE) == "proved"
