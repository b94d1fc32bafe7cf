"""Handlers that nobody wrote: the reduced search says of each what the full enumeration says.

Handlers are drawn from a grammar of the statements that a learner may put together, rightly or wrongly. Each is
searched with and without the reductions and run under every schedule from its start; see `agreement.py` for what must
agree. Those with too many schedules for that are passed over.

With REDELIVERY_SOAK=1 (`make soak`) the walk goes on for ten minutes (REDELIVERY_SOAK_SECONDS), at larger bounds too,
and from new seeds every time; a failure names its seed.
"""

from __future__ import annotations

import os
import random
import textwrap
import time
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, assume, given, note, seed, settings
from hypothesis import strategies as st

from redelivery.exploration.verdict import Stuck
from redelivery.simulation.program import Cell, SourceProgram
from redelivery.simulation.sqlite_store import Journal
from tests.agreement import FAR, JOURNALS, ONE_MESSAGE, SOAK, TWO_MESSAGES, Reach, TooMany, compare

SECONDS = float(os.environ.get("REDELIVERY_SOAK_SECONDS", "600"))

# -- the grammar --------------------------------------------------------------------------------------------

Lines = tuple[str, ...]
ID = "[message.id]"
LOOK = f'found = db.execute("SELECT 1 FROM processed WHERE message_id = ?", {ID}).fetchone()'
MARK = f'db.execute("INSERT INTO processed VALUES (?)", {ID})'
CLAIM = f'db.execute("INSERT OR IGNORE INTO processed VALUES (?)", {ID})'
COUNTED = f"new = {CLAIM}.rowcount"
UNMARK = f'db.execute("DELETE FROM processed WHERE message_id = ?", {ID})'
CREDIT = 'db.execute("UPDATE account SET balance = balance + 100 WHERE id = 666")'
READ = 'balance = db.execute("SELECT balance FROM account WHERE id = 666").fetchone()[0]'
WRITE = 'db.execute("UPDATE account SET balance = ? WHERE id = 666", [balance + 100])'
SWAP = (
    'new = db.execute("UPDATE account SET balance = ? WHERE id = 666 AND balance = ?", '
    "[balance + 100, balance]).rowcount"
)
GIVE_UP = 'raise Retry("not now")'

ONE_LINE: st.SearchStrategy[Lines] = st.sampled_from(
    [(line,) for line in (LOOK, MARK, CLAIM, COUNTED, CREDIT, CREDIT, UNMARK, READ, WRITE, SWAP)]
)
WAYS_OUT: st.SearchStrategy[Lines] = st.sampled_from(
    [
        ("if found:", "    return"),
        ("if not new:", "    return"),
        ("if found:", f"    {GIVE_UP}"),
        ("if not new:", f"    {GIVE_UP}"),
        ("if message.id in seen:", "    return", "seen.add(message.id)"),
        ("if message.redelivered and found:", "    return"),
        ("if message.attempt == 1 and not new:", f"    {GIVE_UP}"),
    ]
)
#: What belongs together, so that not every handler is nonsense.
PHRASES: st.SearchStrategy[Lines] = st.sampled_from(
    [
        (LOOK, "if found:", "    return"),
        (COUNTED, "if not new:", "    return"),
        (LOOK, "if not found:", f"    {CREDIT}", f"    {MARK}"),
        (COUNTED, "if new:", f"    {CREDIT}"),
        (READ, WRITE),
        (CLAIM, UNMARK),
        (CREDIT, MARK),
        (MARK, CREDIT),
    ]
)
STATEMENTS = st.lists(st.one_of(PHRASES, ONE_LINE, WAYS_OUT), min_size=1, max_size=3).map(lambda parts: sum(parts, ()))


def indented(lines: Lines) -> Lines:
    return tuple("    " + line for line in lines)


def grouped(body: st.SearchStrategy[Lines]) -> st.SearchStrategy[Lines]:
    """``body`` in a transaction of some kind."""
    return st.builds(
        lambda opening, lines: (
            (opening, *indented(lines)) if opening.endswith(":") else (opening, *lines, 'db.execute("COMMIT")')
        ),
        st.sampled_from(
            [
                "with db.atomic():",
                "with db.conn:",
                'db.execute("BEGIN IMMEDIATE")',
                'db.execute("BEGIN")',
            ]
        ),
        body,
    )


def tried(body: st.SearchStrategy[Lines]) -> st.SearchStrategy[Lines]:
    """``body`` with its errors caught, or with another try after one of them."""
    errors = st.sampled_from(["sqlite3.IntegrityError", "sqlite3.OperationalError", "sqlite3.Error", "Exception"])
    answers = st.sampled_from(
        [
            ("return",),
            ("pass",),
            ("raise",),
            (GIVE_UP,),
            ("db.conn.rollback()", "return"),
            ("db.conn.rollback()", "raise"),
            ("db.conn.rollback()", GIVE_UP),
        ]
    )
    return st.builds(
        lambda lines, error, answer: ("try:", *indented(lines), f"except {error}:", *indented(answer)),
        body,
        errors,
        answers,
    ) | st.builds(
        lambda times, lines, error: (
            f"for _ in range({times}):",
            *indented(("try:", *indented((*lines, "break")), f"except {error}:", "    db.conn.rollback()")),
        ),
        st.sampled_from([2, 3, 6]),
        body,
        errors,
    )


#: Right in the right company; drawn often, since most of what the rest of the grammar makes is wrong.
CORES: st.SearchStrategy[Lines] = st.sampled_from(
    [
        (LOOK, "if found:", "    return", CREDIT, MARK),
        (COUNTED, "if not new:", "    return", CREDIT),
        (COUNTED, "if new:", f"    {CREDIT}"),
        (MARK, CREDIT),
        (CREDIT, MARK),
        (LOOK, "if not found:", f"    {MARK}", f"    {READ}", f"    {WRITE}"),
        (READ, LOOK, "if found:", "    return", SWAP, "if not new:", f"    {GIVE_UP}", MARK),
    ]
)
NEARLY_RIGHT = st.one_of(grouped(CORES), tried(grouped(CORES)), tried(CORES), grouped(tried(CORES)))
GROUPS = st.one_of(STATEMENTS, grouped(STATEMENTS), grouped(st.one_of(grouped(STATEMENTS), tried(STATEMENTS))))
ANYTHING = st.one_of(GROUPS, GROUPS, tried(GROUPS))
PARTS = st.one_of(
    NEARLY_RIGHT.map(lambda part: [part]),
    ANYTHING.map(lambda part: [part]),
    st.tuples(STATEMENTS, NEARLY_RIGHT).map(list),
    st.tuples(NEARLY_RIGHT, ANYTHING).map(list),
    st.lists(ANYTHING, min_size=1, max_size=2),
)


#: Longer ones have too many schedules to run them all.
MOST_CALLS = 9 if SOAK else 6


@st.composite
def handlers(draw: st.DrawFn) -> str:
    """The source of a handler made of parts, with what they need before them."""
    body = "\n".join(line for part in draw(PARTS) for line in part)
    assume(body.count("db.") <= MOST_CALLS)
    first = [f"{name} = {value}" for name, value in (("found", "None"), ("new", "1"), ("balance", "0")) if name in body]
    lines = ["import sqlite3", "from redelivery import Retry", ""]
    if "seen" in body:
        lines += ["seen = set()", ""]
    lines += ["", "def handle(message, db):", textwrap.indent("\n".join([*first, body]), "    ")]
    return "\n".join(lines) + "\n"


EXAMPLES = int(os.environ.get("REDELIVERY_EXAMPLES", "30"))

# -- the walks ----------------------------------------------------------------------------------------------


def walk(
    reach: Reach, journal: Journal, tally: Counter[str], most_schedules: int, most_states: int
) -> Callable[[], None]:
    """A test that compares handler after handler, and counts in ``tally`` what they were."""

    @given(handlers())
    def compared(source: str) -> None:
        note(source)
        program = SourceProgram([Cell("handler", source)])
        assert not program.errors
        found = compare(
            program,
            reach,
            journal,
            most_schedules=most_schedules,
            most_states=most_states,
            circles="raise Retry" in source,
        )
        if isinstance(found, TooMany):
            tally["too many"] += 1
            return
        verdict = found.verdict
        tally[f"{verdict.name}: {verdict.reason}" if isinstance(verdict, Stuck) else verdict.name] += 1
        tally["schedules"] += found.schedules

    return compared


PLAIN = settings(deadline=None, database=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("journal", JOURNALS)
@pytest.mark.parametrize("reach", [ONE_MESSAGE, TWO_MESSAGES], ids=str)
def test_the_searches_agree_on_random_handlers(reach: Reach, journal: Journal) -> None:
    tally: Counter[str] = Counter()
    settings(PLAIN, derandomize=True, max_examples=EXAMPLES)(walk(reach, journal, tally, 600, 3_000))()
    # A walk among handlers that are all wrong, or all too long, would show little.
    assert tally["proved"] >= 2, tally
    assert tally["refuted"] >= 2, tally


SOAKED = [(reach, journal) for reach in (ONE_MESSAGE, TWO_MESSAGES, *FAR) for journal in JOURNALS]


@pytest.mark.skipif(not SOAK, reason="takes ten minutes: make soak")
@pytest.mark.parametrize(("reach", "journal"), SOAKED, ids=str)
def test_the_searches_agree_on_many_random_handlers(
    reach: Reach, journal: Journal, record_property: Callable[[str, object], None]
) -> None:
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    until = time.monotonic() + SECONDS * workers / len(SOAKED)
    tally: Counter[str] = Counter()
    number = random.SystemRandom().randrange(10**9)
    while time.monotonic() < until:
        number += 1
        test = seed(number)(settings(PLAIN, max_examples=20)(walk(reach, journal, tally, 20_000, 50_000)))
        try:
            test()
        except BaseException as error:
            error.add_note(f"the walk that began with seed {number}")
            raise
    for what, count in sorted(tally.items()):
        record_property(f"random handlers: {what}", count)
