"""PostgreSQL under the search: what is proved and refuted there, and that it is the same each time."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from redelivery import Bounds, CannotCheck, Check, NotProved, check
from redelivery.engines import mariadb, postgres
from redelivery.engines.state import text_of
from tests.engines import consumers
from tests.engines.consumers import FILES, both_hold, make, with_faults
from tests.engines.there import need

pytestmark = [need("postgres", "psycopg"), pytest.mark.xdist_group("postgres")]

RC, RR, STRICT = "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"
SCHEMA = "; ".join(consumers.tables(key=True))
MESSAGE = {"id": "8", "account": 666, "amount": 100}


@contextmanager
def store(isolation: str, key: bool = True) -> Iterator[Any]:
    from redelivery.engines.postgresql import PostgresStore

    found = PostgresStore(isolation, make(key), lambda: FILES)
    try:
        yield found
    finally:
        found.close()


@pytest.mark.parametrize(
    ("handler", "key", "isolation", "wrong", "schedules"),
    [
        (consumers.check_then_act, False, RC, 96, 104),
        (consumers.check_then_act, True, RC, 0, 196),
        (consumers.check_then_act, False, RR, 0, 163),
        (consumers.check_then_act, False, STRICT, 0, 163),
        (consumers.check_then_note, False, RC, 240, 248),
        (consumers.check_then_note, False, RR, 240, 248),
        (consumers.check_then_note, False, STRICT, 0, 504),
        (consumers.claim, True, RC, 0, 20),
        (consumers.claim, True, RR, 0, 34),
        (consumers.advisory, False, RC, 0, 42),
        (consumers.advisory_note, False, RC, 0, 42),
        (consumers.advisory_note, False, RR, 48, 58),
    ],
)  # fmt: skip
def test_how_many_schedules_of_two_holders_end_wrong(
    handler: Callable[..., None], key: bool, isolation: str, wrong: int, schedules: int
) -> None:
    with store(isolation, key) as opened:
        outcome = both_hold(opened, handler).run()
    assert (outcome.wrong, outcome.schedules) == (wrong, schedules), outcome


@pytest.mark.parametrize(
    ("handler", "isolation"), [(consumers.check_then_act, RC), (consumers.claim, RR), (consumers.autocommit, RC)]
)
def test_merging_states_leaves_no_schedule_out(handler: Callable[..., None], isolation: str) -> None:
    """The same count where each history of the store is a state of its own."""
    with store(isolation) as opened:
        merged = both_hold(opened, handler).run()
        opened.merges = False
        apart = both_hold(opened, handler).run()
    assert (merged.wrong, merged.schedules) == (apart.wrong, apart.schedules)
    assert apart.states >= merged.states


def test_a_search_repeated_sees_the_same() -> None:
    """Every effect of every step, in three searches."""
    records = []
    for _ in range(3):
        with store(RC, key=False) as opened:
            search = with_faults(opened, consumers.claim_in_two_steps)
            outcome = search.run()
            records.append((outcome.verdict, outcome.schedule, list(search._memo.items())))
    assert records[0] == records[1] == records[2]
    assert len(records[0][2]) > 20


def test_a_counterexample_is_replayed_from_its_token_ten_times() -> None:
    this = Check(naive, [MESSAGE], {"credited once": once}, SCHEMA, store=postgres(RC))
    found = this.run()
    assert found.verdict == "refuted"
    assert found.mistake == "no-duplicate-check"
    assert (
        found.schedule is not None
        and found.schedule.startswith("PostgreSQL ")
        and " at READ COMMITTED:" in found.schedule
    )
    again = [this.replay(found.schedule) for _ in range(10)]
    assert not any(one.ends_right for one in again)
    assert len({str(one) for one in again}) == 1


def test_a_token_of_another_level_is_refused() -> None:
    found = Check(naive, [MESSAGE], once, SCHEMA, store=postgres(RC)).run()
    with pytest.raises(CannotCheck, match=r"is one of PostgreSQL .* at READ COMMITTED, and here is"):
        Check(naive, [MESSAGE], once, SCHEMA, store=postgres(RR)).replay(str(found.schedule))


@pytest.mark.parametrize("isolation", [RC, RR, STRICT])
def test_a_claim_with_the_mark_in_one_transaction_is_proved(isolation: str) -> None:
    result = check(claims_first, messages=[MESSAGE], schema=SCHEMA, claim=once, store=postgres(isolation))
    assert result.proved and f"at {isolation}" in str(result)


def test_what_a_dead_consumer_had_sent_may_land_later() -> None:
    """With its own statement in autocommit, on the way when it was killed."""
    with store(RC) as opened:
        search = with_faults(
            opened,
            consumers.sets_from_what_it_read,
            judge=consumers.credited,
            bounds=Bounds(2, 1, redeliveries=0, lost_acks=0),
        )
        outcome = search.run()
    assert outcome.verdict == "refuted"
    assert "^" in text_of(outcome.schedule) and "a" in text_of(outcome.schedule)


def test_a_commit_on_the_way_lands_after_its_consumer_is_dead() -> None:
    from redelivery.engines.state import parse

    with store(RC) as opened:
        late = with_faults(opened, consumers.claim).replay(parse("AAAA^BB", 2))
        never = with_faults(opened, consumers.claim).replay(parse("AAAA!BB", 2))
        kinds = [event.kind for event in late.events]
        assert kinds.index("waits") < kinds.index("lands") < kinds.index("goes on")  # B waited, and then found the mark
        assert "waits" not in [event.kind for event in never.events]
        assert consumers.credited(late.contents_now()) is None and consumers.credited(never.contents_now()) is None


@pytest.mark.parametrize(
    ("handler", "balance"), [(consumers.credits_in_transaction, "100"), (consumers.credits_in_autocommit, "200")]
)
def test_killed_while_it_waits(handler: Callable[..., None], balance: str) -> None:
    """In a transaction it leaves nothing; in autocommit its effect."""
    from redelivery.engines.state import parse

    with store(RC) as opened:
        run = with_faults(opened, handler, bounds=Bounds(2, 2)).replay(parse("AA+ABBB!AA", 2))
        landed = next(event for event in run.events if event.kind == "lands")
        assert "crash, waits" in [event.kind for event in run.events]
        assert dict(dict(run.table.contents.value(landed.contents))["account"])["666"] == balance


def test_who_is_a_deadlocks_victim_is_a_choice() -> None:
    with store(RC) as opened:
        search = both_hold(opened, consumers.crosses, judge=lambda contents: None)
        assert search.run().verdict == "proved"
        fell = {
            choice.how + str(choice.favoured)
            for k in search._states.values()
            for choice in (k.after or {})
            if choice.how
        }
        assert {"%0", "%1"} <= fell
        ways = [
            (*search._way(key), choice)
            for key, known in search._states.items()
            for choice in known.after or {}
            if choice.how == "%"
        ]
        for way in ways[:6]:
            run = search.replay(way)
            errors = [(e.process, e.answer.error) for e in run.events if e.answer is not None and e.answer.error]
            assert errors[0] == (way[-1].favoured, "40P01")


def victims(opened: Any) -> Any:
    """What two who cross come to: how many schedules, and in which states who may be the victim of whose step."""
    search = both_hold(opened, consumers.crosses, judge=lambda contents: None)
    outcome = search.run()
    choices = [text_of([c]) for known in search._states.values() for c in known.after or {} if c.how]
    return outcome.verdict, outcome.schedules, outcome.states, sorted(choices)


def test_a_machine_on_which_waits_look_for_a_deadlock_late_sees_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """What decides is that the server has looked, and not how long that took."""
    from redelivery.engines.postgresql import PostgresStore

    with store(RC) as opened:
        expected = victims(opened)
    first_open = PostgresStore.open

    def late(self: Any, number: int) -> Any:
        line = first_open(self, number)
        if self.victim is None:
            self._send(line, b"SET deadlock_timeout = '80ms'")
        return line

    monkeypatch.setattr(PostgresStore, "open", late)
    with store(RC) as opened:
        assert victims(opened) == expected


def test_a_victim_that_looks_before_the_ring_is_closed_gets_more_time() -> None:
    with store(RC) as opened:
        expected = victims(opened)
    with store(RC) as opened:
        opened._victim_looks = 1
        assert victims(opened) == expected
        assert opened._victim_looks > 1


def test_who_is_woken_first_is_a_choice() -> None:
    with store(RC) as opened:
        search = both_hold(opened, consumers.claim, consumers=3)
        outcome = search.run()
        assert outcome.verdict == "proved", outcome
        favoured = {c.favoured for k in search._states.values() for c in (k.after or {}) if c.how == ">"}
    assert favoured == {0, 1, 2}


def test_sessions_of_sqlalchemy_are_searched() -> None:
    sqlalchemy = pytest.importorskip("sqlalchemy")
    from tests.engines import orm

    good = check(
        orm.credit_once, messages=[MESSAGE], schema=[orm.Base, orm.fill], claim=orm.credited, store=postgres(RC)
    )
    assert good.proved
    with pytest.raises(NotProved) as bad:
        check(orm.looks_first, messages=[MESSAGE], schema=[orm.Base, orm.fill], claim=orm.credited, store=postgres(RC))
    assert bad.value.result.mistake in ("check-then-act", "lost-update"), str(bad.value)
    assert sqlalchemy.__version__


def test_a_default_search_of_two_messages_ends() -> None:
    messages = [MESSAGE, {"id": "9", "account": 7, "amount": 50}]
    result = check(claims_first, messages=messages, schema=SCHEMA, claim=once, store=postgres(RC), faults=1)
    assert result.proved and result.schedules > 1000


def test_a_handler_that_differs_each_time_is_undetermined(tmp_path: Path) -> None:
    count = tmp_path / "count"
    count.write_text("0")

    def differs(message: Any, connection: Any) -> None:
        count.write_text(str(int(count.read_text()) + 1))
        connection.execute(f"SELECT {count.read_text()}")

    with pytest.raises(NotProved) as found:
        check(differs, messages=[MESSAGE], schema=SCHEMA, claim=lambda connection: True, store=postgres(RC))
    assert found.value.result.verdict == "undetermined"
    assert "is not deterministic" in str(found.value)


# -- bad input -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"store": "postgres"}, "store= takes redelivery.engines.postgres"),
        ({"store": postgres(), "job": lambda connection: None}, "job= can't be used on a real store"),
        ({"store": postgres(), "schema": "CREATE TTABLE account"}, "the schema fails with SyntaxError"),
        ({"store": postgres(), "claim": lambda connection: 7}, "has to return True or False"),
    ],
)
def test_what_can_not_be_used_is_said_in_a_sentence(arguments: dict[str, Any], said: str) -> None:
    given = {"messages": [MESSAGE], "schema": SCHEMA, "claim": once, **arguments}
    with pytest.raises(CannotCheck, match=said):
        check(claims_first, **given)


def test_a_level_that_there_is_not() -> None:
    with pytest.raises(CannotCheck, match="there are READ COMMITTED, REPEATABLE READ, SERIALIZABLE"):
        postgres("READ UNCOMMITTED")
    assert mariadb("read-uncommitted".replace("-", " ")).isolation == "READ UNCOMMITTED"


@pytest.mark.parametrize(
    "address",
    ["host=127.0.0.1 port=1 user=nobody", "host=/nonexistent user=nobody"],  # refused at once, both
)
def test_an_address_where_nobody_answers(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDELIVERY_POSTGRES", address)
    with pytest.raises(CannotCheck, match="PostgreSQL at the address in REDELIVERY_POSTGRES can't be used"):
        check(claims_first, messages=[MESSAGE], schema=SCHEMA, claim=once, store=postgres())


def test_a_user_without_rights_and_somebody_elses_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    import psycopg

    from redelivery.engines.postgresql import OWN, _address

    admin = _address(OWN.get(), "postgres")
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS guest")
        connection.execute("CREATE ROLE guest LOGIN")
        connection.execute("CREATE ROLE maker LOGIN CREATEDB")
        connection.execute("CREATE TABLE account (theirs INT)")
        connection.execute("INSERT INTO account VALUES (1)")
    try:
        monkeypatch.setenv("REDELIVERY_POSTGRES", admin.replace("user=postgres", "user=guest"))
        with pytest.raises(CannotCheck, match="may not create a database"):
            check(claims_first, messages=[MESSAGE], schema=SCHEMA, claim=once, store=postgres())
        monkeypatch.setenv("REDELIVERY_POSTGRES", admin.replace("user=postgres", "user=maker"))
        result = check(claims_first, messages=[MESSAGE], schema=SCHEMA, claim=once, store=postgres())
        assert result.proved and "is left to the server" in " ".join(str(result).split())
    finally:
        with psycopg.connect(admin, autocommit=True) as connection:
            assert connection.execute("SELECT * FROM account").fetchall() == [(1,)]
            left = connection.execute("SELECT datname FROM pg_database WHERE datname LIKE 'redelivery%'").fetchall()
            connection.execute("DROP TABLE account")
            connection.execute("DROP ROLE guest")
            connection.execute("DROP ROLE maker")
    assert left == []


def test_a_server_that_dies_in_the_middle() -> None:
    from redelivery.engines.postgresql import OWN

    def looks(connection: Any) -> bool:
        if connection.execute("SELECT balance FROM account WHERE id = 666").fetchone() == (100,):
            server = OWN.get()
            assert server.process is not None
            server.process.send_signal(signal.SIGQUIT)
            server.process.wait()
        return True

    with pytest.raises(CannotCheck, match=r"PostgreSQL (ended in the middle|failed)|the claim .* raised"):
        check(claims_first, messages=[MESSAGE], schema=SCHEMA, claim=looks, store=postgres())
    OWN.stop()


_LEAVES = """
import sys, time
from redelivery.engines.postgresql import OWN
server = OWN.get()
print(server.folder, server.process.pid, flush=True)
time.sleep(600)
"""


def test_a_killed_process_leaves_nothing_once_another_has_started() -> None:
    from redelivery.engines.servers import _started, sweep

    child = subprocess.Popen([sys.executable, "-c", _LEAVES], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    folder, pid = child.stdout.readline().split()
    assert Path(folder).is_dir() and _started(int(pid))
    child.kill()
    child.wait()
    assert sweep() >= 1
    assert not Path(folder).exists()
    assert not _started(int(pid))


# -- consumers as a user would write them ----------------------------------------------------------------------


def naive(message: Any, connection: Any) -> None:
    with connection.transaction():
        connection.execute(consumers.CREDIT, [message["amount"], message["account"]])


def claims_first(message: Any, connection: Any) -> None:
    with connection.transaction():
        if connection.execute(consumers.MARK + " ON CONFLICT DO NOTHING", [message["id"]]).rowcount:
            connection.execute(consumers.CREDIT, [message["amount"], message["account"]])


def once(connection: Any) -> bool:
    return bool(connection.execute("SELECT balance FROM account WHERE id = 666").fetchone() == (100,))


def _pays(message: Any, connection: Any, how: str) -> None:
    with connection.transaction():
        if connection.execute(f"SELECT 1 FROM account WHERE balance = 0 FOR UPDATE{how}").fetchone():
            connection.execute("UPDATE account SET balance = balance + 100")


def waits_for_the_row(message: Any, connection: Any) -> None:
    _pays(message, connection, "")


def passes_over_the_row(message: Any, connection: Any) -> None:
    _pays(message, connection, " SKIP LOCKED")


@pytest.mark.parametrize("isolation", ["READ COMMITTED", "REPEATABLE READ"])
def test_who_passes_over_a_locked_row_loses_the_message(isolation: str) -> None:
    """SKIP LOCKED never waits, so that the one that passes over is acknowledged while the other can still be killed."""
    told: dict[str, Any] = {
        "messages": [{"id": "8"}],
        "schema": "CREATE TABLE account (balance INT); INSERT INTO account VALUES (0)",
        "claim": lambda connection: connection.execute("SELECT balance FROM account").fetchone() == (100,),
        "store": postgres(isolation),
    }
    assert check(waits_for_the_row, **told).proved
    with pytest.raises(NotProved) as lost:
        check(passes_over_the_row, **told)
    result = lost.value.result
    assert (result.verdict, result.mistake) == ("refuted", "acknowledged-without-effect")
    assert "→ none" in result.text(100)
