"""Somebody who is no process of the search: he holds a lock for longer than a statement waits, or sets the clock."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from redelivery.checking.handler_part import _OUTSIDER, _SET_BACK, _changed
from redelivery.exercises.record_and_check import ONE
from redelivery.exploration.full import search_all
from redelivery.exploration.replay import replay
from redelivery.exploration.schedule import BadSchedule, to_text
from redelivery.exploration.search import Search
from redelivery.exploration.verdict import Refuted
from redelivery.simulation.operations import SqlFailure, SqlStatement
from redelivery.simulation.program import FunctionProgram
from redelivery.simulation.sqlite_store import NO_LOCK, PENDING_LOCK, READ_LOCK, WRITE_LOCK, Journal, SqliteStore

OUTSIDER = _changed(ONE, _OUTSIDER)
JOURNALS: tuple[Journal, ...] = ("wal", "rollback")
CLAIM, CHECK = "INSERT OR IGNORE INTO processed VALUES (?)", "SELECT 1 FROM processed WHERE message_id = ?"
CREDIT = "UPDATE account SET balance = balance + ? WHERE id = ?"


def claim_then_credit(message: Any, db: Any) -> None:
    with db.atomic():
        if db.execute(CLAIM, [message.id]).rowcount:
            db.execute(CREDIT, [message.body["amount"], message.body["account"]])


def commit_refused_counts_as_done(message: Any, db: Any) -> None:
    db.execute("BEGIN IMMEDIATE")
    if db.execute(CLAIM, [message.id]).rowcount:
        db.execute(CREDIT, [message.body["amount"], message.body["account"]])
    try:
        db.execute("COMMIT")
    except Exception:
        db.execute("ROLLBACK")


def first_look_refused_counts_as_done(message: Any, db: Any) -> None:
    try:
        done = db.execute(CHECK, [message.id]).fetchone()
    except Exception:
        return
    if not done:
        claim_then_credit(message, db)


def three_tries(message: Any, db: Any) -> None:
    for _ in range(3):
        try:
            return claim_then_credit(message, db)
        except Exception as error:
            last = error
    raise last


ANSWERS = (claim_then_credit, commit_refused_counts_as_done, first_look_refused_counts_as_done, three_tries)


def program(answer: Any) -> FunctionProgram:
    return FunctionProgram({"handle": answer})


@pytest.mark.parametrize("journal", JOURNALS)
@pytest.mark.parametrize("answer", ANSWERS)
def test_reduced_and_full_search_agree(answer: Any, journal: Journal) -> None:
    reduced = Search(program(answer), OUTSIDER, journal)
    verdict = reduced.run(stop_at_first=False)
    full = search_all(program(answer), OUTSIDER, journal)
    assert full.complete
    assert full.schedules > 1
    assert reduced.final_contents == full.finals
    assert verdict.schedules == full.schedules
    assert (full.broken > 0) == (verdict.name == "refuted")


@pytest.mark.parametrize("answer", (commit_refused_counts_as_done, first_look_refused_counts_as_done))
def test_without_somebody_else_it_would_be_proved(answer: Any) -> None:
    """A reader keeps the rollback journal's commit waiting, a writer its readers; with WAL neither."""
    with_him = {journal: Search(program(answer), OUTSIDER, journal).run().name for journal in JOURNALS}
    assert with_him == {"wal": "proved", "rollback": "refuted"}
    alone = replace(OUTSIDER, outsider=False)
    assert {Search(program(answer), alone, journal).run().name for journal in JOURNALS} == {"proved"}


def test_who_goes_on_trying_is_refused_as_long_as_it_lasts() -> None:
    """One stall outlasts any number of tries, and costs one fault."""

    def four_tries(message: Any, db: Any) -> None:
        for _ in range(4):
            try:
                return claim_then_credit(message, db)
            except Exception:
                pass

    assert Search(program(four_tries), OUTSIDER, "wal").run().name == "refuted"


@pytest.mark.parametrize("journal", JOURNALS)
def test_what_is_refused_and_what_it_leaves(journal: Journal) -> None:
    with SqliteStore(ONE.prepare, journal) as store:
        for name in (0, 1):
            store.begin(name)

        def run(name: int, sql: str) -> Any:
            return store.execute(name, SqlStatement(sql)).told

        def wanted(sql: str) -> int:
            return store.lock_wanted(SqlStatement(sql), store.transaction(0))

        read, write = "SELECT * FROM account", "UPDATE account SET balance = 1"
        rollback = journal == "rollback"
        assert wanted(read) == (READ_LOCK if rollback else NO_LOCK)
        assert wanted(write) == wanted("BEGIN IMMEDIATE") == WRITE_LOCK
        assert wanted("BEGIN") == wanted("ROLLBACK") == wanted("COMMIT") == NO_LOCK
        run(0, "BEGIN IMMEDIATE")
        run(0, write)
        assert wanted(write) == wanted(read) == NO_LOCK
        assert wanted("COMMIT") == (PENDING_LOCK if rollback else NO_LOCK)
        if rollback:
            for _ in range(2):
                outcome = store.refuse(0, SqlStatement("COMMIT"))
                assert isinstance(outcome.told, SqlFailure)
                assert outcome.told.text == "database is locked"
                assert outcome.transaction.open
                assert outcome.transaction.lock == PENDING_LOCK
                assert run(1, read) is None, "who has begun to wait for readers lets no new ones in"
        assert not isinstance(run(0, "COMMIT"), SqlFailure)
        assert run(1, read).rows == ((666, 1),)
        refused = store.refuse(0, SqlStatement(write.replace("1", "2")))
        assert isinstance(refused.told, SqlFailure)
        assert run(1, read).rows == ((666, 1),)


def test_time_may_pass_before_anybody_has_looked_at_a_clock() -> None:
    def not_before_nine(message: Any, db: Any) -> None:
        import datetime

        if datetime.datetime.now().hour >= 9:
            claim_then_credit(message, db)

    set_back = _changed(ONE, _SET_BACK)
    verdict = Search(program(not_before_nine), set_back, "wal").run()
    assert isinstance(verdict, Refuted)
    assert to_text(verdict.schedule).startswith("@")
    run = replay(program(not_before_nine), set_back, verdict.schedule)
    assert run.wrong is not None
    with pytest.raises(BadSchedule, match="nobody asks the time"):
        replay(program(claim_then_credit), set_back, verdict.schedule)
