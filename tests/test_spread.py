"""What happens seldom, or at some hour only: draws, time and hints that are spread over many messages."""

from __future__ import annotations

import builtins
import json
import random
import sys
import uuid

import pytest

from redelivery.checking.part import Report
from redelivery.exercises.catalogue import part_of
from redelivery.exercises.verify import SETUP
from redelivery.simulation.chance import HIGH, LOW, Identity, drawn, whole_number
from redelivery.simulation.process import Node, Tree
from redelivery.simulation.program import Cell, SourceProgram
from redelivery.simulation.sqlite_store import flags_after, sets_flag

PLACES = [Identity(message, attempt, message) for message in range(300) for attempt in (1, 2)]


class Drawer(random.Random):
    """Draws as ``random`` does inside a handler, whose first draw is this one."""

    def __init__(self, who: Identity) -> None:
        self.who, self.serial, self.before = who, 0, 0
        super().__init__()

    def random(self) -> float:
        return (int.from_bytes(self._bytes(7), "big") >> 3) * 2.0**-53

    def getrandbits(self, k: int, /) -> int:
        count = (k + 7) // 8
        return int.from_bytes(self._bytes(count), "big") >> count * 8 - k

    def _bytes(self, count: int) -> bytes:
        found = drawn(self.who, count, self.serial, self.before)
        self.serial, self.before = self.serial + 1, self.before + 8 * count
        return found


def uuids(places: list[Identity]) -> list[uuid.UUID]:
    return [uuid.UUID(bytes=drawn(who, 16, 0), version=4) for who in places]


def test_spread_draws_reach_both_ends_and_everything_between() -> None:
    floats = [Drawer(who).random() for who in PLACES]
    assert min(floats) < 1e-9
    assert max(floats) > 1 - 1e-9
    for low in range(200):
        assert any(low / 200 <= value < (low + 1) / 200 for value in floats)


@pytest.mark.parametrize("sides", [2, 6, 50, 100, 128])
def test_every_side_of_a_die_comes_up(sides: int) -> None:
    assert {Drawer(who).randrange(sides) for who in PLACES} == set(range(sides))


def test_spread_uuids_differ_and_have_every_rest() -> None:
    found = uuids(PLACES)
    assert len(set(found)) == len(found)
    assert len({value.int % 500 for value in found}) > 480


def test_spread_random_numbers_of_the_database_have_every_rest() -> None:
    assert {whole_number(who, "1, 1") % 600 for who in PLACES} == set(range(600))


@pytest.mark.parametrize(("spread", "below", "above"), [(LOW, 1e-4, -1.0), (HIGH, 2.0, 1 - 1e-4)])
def test_extreme_draws_are_small_or_large_and_never_the_same_key(spread: int, below: float, above: float) -> None:
    places = [Identity(message, attempt, spread) for message in range(20) for attempt in (1, 2)]
    assert all(above < Drawer(who).random() < below for who in places)
    assert len(set(uuids(places))) == len(places)


def test_the_queue_names_all_small_numbers_and_some_of_each_size() -> None:
    tree = Tree(None)  # type: ignore[arg-type]
    tree.spread = range(400)
    node = Node(0, None, None, None)
    said = set()
    for node.message in range(180):
        said.add(tree.delivered_before(node))
    assert said >= set(range(49))
    for low, high in ((50, 100), (100, 200), (200, 500), (500, 1000), (1000, 5000), (5000, 50_000)):
        assert any(low <= number < high for number in said)


# -- whole answers -----------------------------------------------------------------------------------------


def judged(source: str, part: str = "record_and_check", exercise: str = "05-record-and-check") -> Report:
    report = part_of(exercise, part).check(exercise, SourceProgram([SETUP, Cell(part, source)]))
    assert isinstance(report, Report)
    return report


CREDIT = """
    with db.atomic():
        {also}
        if db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [{mark}]).rowcount:
            db.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", message.body)
"""


def answer(mark: str = "message.id", also: str = "pass", before: str = "") -> str:
    return (
        "import datetime, random, secrets, time, uuid\n\ndef handle(message, db):\n"
        + (f"    {before}\n" if before else "")
        + CREDIT.format(mark=mark, also=also)
    )


@pytest.mark.parametrize(
    "when",
    [
        "random.random() < 0.005",
        "random.random() > 0.995",
        "random.randrange(100) == 37",
        "uuid.uuid4().int % 300 == 7",
        "secrets.randbelow(64) == 42",
        "datetime.datetime.now().hour == 23",
        "time.strftime('%M') == '05'",
        "time.gmtime().tm_wday == 6",
        "time.ctime().startswith('Sun')",
        "message.attempt == 47",
        "250 < message.attempt < 500",
    ],
)
def test_what_is_done_seldom_is_found(when: str) -> None:
    sweep = f'({when}) and db.execute("DELETE FROM processed WHERE message_id <> ?", [message.id])'
    assert judged(answer(also=sweep)).verdict.name == "refuted"


@pytest.mark.parametrize("harmless", ["random.random()", "time.strftime('%M')", "message.attempt", "uuid.uuid4()"])
def test_who_looks_and_does_nothing_with_it_is_right(harmless: str) -> None:
    assert judged(answer(before=f"seen = {harmless}")).verdict.name == "proved"


def test_who_draws_within_a_transaction_until_it_fits_is_right() -> None:
    """To see whether it goes round, the handler was run again in the very process, whose transaction ended there."""
    assert judged(answer(also="while secrets.randbits(2): pass")).verdict.name == "proved"


def test_a_wait_for_a_moment_is_no_fault_of_ours() -> None:
    """The straight run took the passing of time for a step of the second process."""
    wait = "end = time.monotonic() + 0.02\n    while time.monotonic() < end:\n        time.sleep(0.01)"
    assert judged(answer(before=wait)).verdict.name == "proved"


# -- what lasts longer than a delivery ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "in_transaction", "flags"),
    [
        ("PRAGMA foreign_keys = ON", False, (("foreign_keys", 1),)),
        ("pragma foreign_keys(1)", False, (("foreign_keys", 1),)),
        ("PRAGMA foreign_keys = ON", True, ()),
        ("PRAGMA recursive_triggers = 'off'", True, (("recursive_triggers", 0),)),
        ("PRAGMA foreign_keys = 0", False, ()),
    ],
)
def test_flags_of_a_connection_as_sqlite_sets_them(
    sql: str, in_transaction: bool, flags: tuple[tuple[str, int], ...]
) -> None:
    assert sets_flag(sql)
    assert flags_after((), sql, in_transaction) == flags


def test_a_question_sets_no_flag() -> None:
    assert not sets_flag("PRAGMA foreign_keys")
    assert not sets_flag("PRAGMA table_info(account)")


@pytest.mark.parametrize(
    ("place", "named"),
    [
        ("builtins.__dict__.setdefault('_seen', set())", "builtins._seen"),
        ("json.__dict__.setdefault('seen', set())", "json.seen"),
        ("sys.modules.setdefault('mine', types.ModuleType('mine')).__dict__.setdefault('s', set())", "'mine'"),
    ],
)
def test_what_is_kept_in_a_module_is_named_and_taken_away(place: str, named: str) -> None:
    """It was still there in the next schedule: right answers were refuted."""
    source = f"import builtins, json, sys, types\n\ndef handle(message, db):\n    seen = {place}\n"
    source += "    if message.id in seen:\n        return\n" + CREDIT.format(mark="message.id", also="pass")
    report = judged(source + "    seen.add(message.id)\n")
    assert report.verdict.name == "undetermined"
    assert named in report.explanation
    assert not hasattr(builtins, "_seen")
    assert not hasattr(json, "seen")
    assert "mine" not in sys.modules


@pytest.mark.parametrize(
    ("turned_away", "verdict"),
    [
        ("sys.stdout = sys.stderr = None", "proved"),
        ("sys.stdout = io.StringIO()", "proved"),
        ("with contextlib.redirect_stdout(io.StringIO()): print(message.id)", "proved"),
        ("sys.stdout = [message.id]", "undetermined"),
    ],
)
def test_prints_may_be_turned_away(turned_away: str, verdict: str) -> None:
    before = sys.stdout, sys.stderr
    source = f"import contextlib, io, sys\n\ndef handle(message, db):\n    {turned_away}\n"
    report = judged(source + CREDIT.format(mark="message.id", also="pass"))
    assert report.verdict.name == verdict
    assert (sys.stdout, sys.stderr) == before


def test_a_module_that_is_imported_in_a_handler_is_nothing_of_the_kind() -> None:
    sys.modules.pop("email.quoprimime", None)
    assert judged(answer(before="import email.quoprimime")).verdict.name == "proved"


def test_a_refused_lock_and_a_lost_answer_together() -> None:
    source = """
import uuid

def key_for(order_id, db):
    db.execute("BEGIN IMMEDIATE")
    try:
        row = db.execute("SELECT key FROM intent WHERE order_id = ?", [order_id]).fetchone()
        if row is None:
            row = (str(uuid.uuid4()),)
            db.execute("INSERT INTO intent VALUES (?, ?)", [order_id, row[0]])
        db.commit()
    except BaseException:
        return
    return row[0]

def pay(order_id, amount, db, send):
    send(key_for(order_id, db), order_id, amount)
"""
    assert judged(source, "request_once").verdict.name == "refuted"
