"""Time limits that stand in a table: searches in which time passes between the statements of one delivery."""

from __future__ import annotations

import pytest

from redelivery.exercises.record_and_check import ONE
from redelivery.exploration.search import Search
from redelivery.exploration.verdict import Proved, Refuted, Undetermined
from redelivery.simulation.program import Cell, SourceProgram
from redelivery.simulation.sqlite_store import Journal
from redelivery.simulation.world import Bounds

LEASE = """
import time
from redelivery import Retry
def handle(message, db):
    now = time.time()
    db.execute("CREATE TABLE IF NOT EXISTS lease (id TEXT PRIMARY KEY, until REAL, done INT DEFAULT 0)")
    mine = db.execute(
        "INSERT INTO lease (id, until) VALUES (:id, :until) ON CONFLICT (id) DO UPDATE SET until = :until"
        " WHERE done = 0 AND lease.until < :now", {"id": message.id, "until": now + 30, "now": now}).rowcount
    if not mine:
        if db.execute("SELECT done FROM lease WHERE id = ?", [message.id]).fetchone()[0]:
            return
        raise Retry("leased")
    with db.atomic():
        if db.execute("UPDATE lease SET done = 1 WHERE id = ? AND done = 0", [message.id]).rowcount:
            db.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", message.body)
"""
STAMPED = """
def handle(message, db):
    db.execute("CREATE TABLE IF NOT EXISTS seen (id TEXT PRIMARY KEY, at TEXT)")
    with db.atomic():
        if db.execute("INSERT OR IGNORE INTO seen VALUES (?, {now})", [message.id]).rowcount:
            db.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", message.body)
"""


def program(source: str) -> SourceProgram:
    return SourceProgram([Cell("record_and_check", source)])


@pytest.mark.parametrize("journal", ["wal", "rollback"])
def test_time_passes_for_a_consumer_that_is_alone(journal: Journal) -> None:
    """Nobody else can go on, so the lease of the crashed process has to run out: a move that is no process's."""
    search = Search(program(LEASE), ONE, journal, Bounds(consumers=1, faults=2))
    assert isinstance(search.run(), Proved)


@pytest.mark.parametrize("now", ["CURRENT_TIMESTAMP", "julianday('now')", "strftime('%s', 'now')"])
@pytest.mark.parametrize("journal", ["wal", "rollback"])
def test_when_a_row_was_stamped_is_not_forgotten_before_its_commit(journal: Journal, now: str) -> None:
    """Time passes before the INSERT or between it and its COMMIT: other contents, and no answer tells them apart."""
    source, bounds = STAMPED.replace("{now}", now), Bounds(consumers=1, faults=2)
    remembering = Search(program(source), ONE, journal, bounds)
    carrying_out = Search(program(source), ONE, journal, bounds, memory=False, symmetry=False)
    for search in (remembering, carrying_out):
        assert not isinstance(search.run(stop_at_first=False), Refuted | Undetermined)
    assert remembering.final_contents == carrying_out.final_contents
    assert len({dict(contents)["seen"] for contents in remembering.final_contents}) > 1
