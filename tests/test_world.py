"""The rules of the world beyond handlers on SQLite: Redis, time, loops, jobs, sender and receiver.

Where a rule decides verdicts, a test takes the rule away and shows what would be lost.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from redelivery.checking.handler_part import HandlerPart
from redelivery.exercises.catalogue import part_of
from redelivery.exercises.delivery_guarantees import loop_scenario, qos2_scenario
from redelivery.exercises.record_and_check import REDIS_ONE, redis_scenario
from redelivery.exploration.replay import Run, replay
from redelivery.exploration.scenario import Scenario, deliver
from redelivery.exploration.schedule import BadSchedule, parse, to_text
from redelivery.exploration.search import Search
from redelivery.exploration.verdict import Proved, Refuted, Stuck, Undetermined, Verdict
from redelivery.simulation import world
from redelivery.simulation.calls import Tool
from redelivery.simulation.program import Cell, SourceProgram
from redelivery.simulation.sqlite_store import Contents, rows_of
from redelivery.simulation.world import Bounds, World
from tests.answers import Answer, answers


def program(source: str) -> SourceProgram:
    return SourceProgram([Cell("setup", "from redelivery import Retry"), Cell("test", source)])


def run(source: str, scenario: Scenario, schedule: str, **options: Any) -> Run:
    return replay(program(source), scenario, parse(schedule, scenario.letters()), **options)


def search(source: str, scenario: Scenario, **options: Any) -> Verdict:
    return Search(program(source), scenario, "wal", **options).run()


def answer(part: str, name: str) -> Answer:
    return next(a for kind in ("mutants", "variants") for a in answers(kind) if a.part == part and a.name == name)


def kinds(found: Run) -> list[str]:
    return [event.kind for event in found.events]


# -- Redis -------------------------------------------------------------------------------------------------

CREDIT = """
def handle(message, redis):
    redis.incrby(f"balance:{message.body['account']}", message.body["amount"])
"""


def test_a_pipeline_without_multi_is_many_steps_and_one_with_multi_is_one() -> None:
    source = """
def handle(message, redis):
    with redis.pipeline(transaction={}) as pipe:
        pipe.set("a", 1).set("b", 1).incrby("balance:666", 100).execute()
"""
    assert kinds(run(source.format("False"), REDIS_ONE, "")) == ["receive", "redis", "redis", "redis", "ack"]
    assert kinds(run(source.format("True"), REDIS_ONE, "")) == ["receive", "redis", "ack"]


def test_a_crash_between_the_commands_of_a_pipeline_without_multi_leaves_the_first_ones_done() -> None:
    source = """
def handle(message, redis):
    with redis.pipeline(transaction=False) as pipe:
        pipe.set("a", 1).incrby("balance:666", 100).execute()
"""
    found = run(source, REDIS_ONE, "AAA!", finish=False)
    assert rows_of(found.events[-1].contents, "redis") == (("a", "1", None),)
    assert rows_of(found.events[-1].contents, "balance") == (("balance:666", "0", None),)


WATCHING = """
from redis import WatchError

def handle(message, redis):
    with redis.pipeline() as pipe:
        try:
            pipe.watch("done:" + message.id)
            if pipe.exists("done:" + message.id):
                return
            pipe.multi()
            pipe.set("done:" + message.id, 1)
            pipe.incrby("balance:666", 100)
            pipe.execute()
        except WatchError:
            raise Retry("somebody else was faster")
"""


def test_watch_notices_what_another_consumer_touched() -> None:
    found = run(WATCHING, REDIS_ONE, "AAA+ABBBBBA")
    exec_of_a = found.events[9]
    assert exec_of_a.process == "A"
    assert exec_of_a.operations[0].told == (None,)
    assert isinstance(search(WATCHING, REDIS_ONE), Proved)


def test_without_the_rule_of_watch_a_right_answer_would_be_refuted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(World, "_touched", staticmethod(lambda state, keys: state))
    assert isinstance(search(WATCHING, REDIS_ONE), Refuted)


def test_a_process_that_touches_what_it_watches_fails_itself() -> None:
    source = """
def handle(message, redis):
    with redis.pipeline() as pipe:
        pipe.watch("balance:666")
        redis.incrby("balance:666", 0)
        pipe.multi()
        pipe.incrby("balance:666", 100)
        pipe.execute()
"""
    found = run(source, REDIS_ONE, "", most_steps=12)
    assert any(event.raised and event.raised.name == "WatchError" for event in found.events)


def test_lost_races_do_not_make_a_message_a_poison_message() -> None:
    source = WATCHING.replace('raise Retry("somebody else was faster")', "raise")
    assert isinstance(search(source, REDIS_ONE), Proved)


def both_stores(judge: Callable[[Contents], str | None]) -> Scenario:
    def prepare(connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE account (id INTEGER PRIMARY KEY, balance INTEGER)")
        connection.execute("INSERT INTO account VALUES (666, 0)")

    return Scenario(
        "both stores",
        "handle",
        [("8", {"account": 666, "amount": 100})],
        prepare,
        judge,
        call=deliver("handle", Tool.DB, Tool.REDIS),
        uses_redis=True,
    )


def test_two_stores_and_one_crash_can_not_be_atomic() -> None:
    """Topic B7: a mark in Redis and an effect in SQL."""

    def judge(contents: Contents) -> str | None:
        balance = next(row[1] for row in rows_of(contents, "account"))
        return None if balance == 100 else f"account 666 holds {balance!r}, must hold 100"

    effect = 'db.execute("UPDATE account SET balance = balance + 100"); db.conn.commit()'
    mark_first = f"""
def handle(message, db, redis):
    if redis.set("done:" + message.id, 1, nx=True):
        {effect}
"""
    effect_first = f"""
def handle(message, db, redis):
    if not redis.exists("done:" + message.id):
        {effect}
        redis.set("done:" + message.id, 1)
"""
    for source, holds in ((mark_first, "0"), (effect_first, "200")):
        verdict = search(source, both_stores(judge))
        assert isinstance(verdict, Refuted)
        assert f"holds {holds}" in verdict.claim
    in_one_store = """
def handle(message, db, redis):
    with db.atomic():
        db.execute("BEGIN IMMEDIATE") if not db.conn.in_transaction else None
        db.execute("CREATE TABLE IF NOT EXISTS done (id TEXT PRIMARY KEY)")
        if db.execute("INSERT OR IGNORE INTO done VALUES (?)", [message.id]).rowcount:
            db.execute("UPDATE account SET balance = balance + 100")
    redis.set("told", 1)
"""
    assert isinstance(search(in_one_store, both_stores(judge)), Proved)


# -- time --------------------------------------------------------------------------------------------------

EXPIRING = """
def handle(message, redis):
    with redis.pipeline() as pipe:
        pipe.watch("done:" + message.id)
        if pipe.exists("done:" + message.id):
            return
        pipe.multi()
        pipe.set("done:" + message.id, 1, ex=3600)
        pipe.incrby("balance:666", 100)
        pipe.execute()
"""


def test_a_mark_that_expires_lets_a_duplicate_through() -> None:
    verdict = search(EXPIRING, REDIS_ONE)
    assert isinstance(verdict, Refuted)
    assert "@" in to_text(verdict.schedule)


def test_without_time_it_would_be_proved() -> None:
    assert isinstance(search(EXPIRING, REDIS_ONE, bounds=Bounds(expiries=0)), Proved)


def test_time_moves_to_the_next_expiry_only() -> None:
    source = """
def handle(message, redis):
    redis.set("short", 1, px=500)
    redis.set("long", 1, ex=60)
    redis.incrby("balance:666", 100)
"""
    found = run(source, REDIS_ONE, "AAA@A@", finish=False)
    assert [rows_of(e.contents, "redis") for e in found.events[2:]] == [
        (("long", "1", 60_000), ("short", "1", 500)),
        (("long", "1", 59_500),),
        (("long", "1", 59_500),),
        (),
    ]


def test_time_can_not_pass_where_nothing_expires() -> None:
    with pytest.raises(BadSchedule, match="nothing expires"):
        run(CREDIT, REDIS_ONE, "A@")


LEASE = """
def handle(message, redis):
    if redis.exists("done:" + message.id):
        return
    if not redis.set("lease:" + message.id, 1, nx=True, ex=30):
        raise Retry("somebody else is at work")
    with redis.pipeline() as pipe:
        pipe.watch("done:" + message.id)
        if pipe.exists("done:" + message.id):
            return
        pipe.multi()
        pipe.set("done:" + message.id, 1)
        pipe.incrby("balance:666", 100)
        pipe.execute()
"""


def test_who_waits_for_the_lease_of_a_dead_consumer_is_not_stuck() -> None:
    assert isinstance(search(LEASE, REDIS_ONE), Proved)


def test_without_the_lease_s_end_it_is() -> None:
    verdict = search(LEASE.replace(", ex=30", ""), REDIS_ONE)
    assert isinstance(verdict, Stuck)


def test_if_time_did_not_go_on_by_itself_a_right_answer_would_be_stuck(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Search, "_let_time_pass", lambda *_: [])
    assert isinstance(search(LEASE, REDIS_ONE), Stuck)


SLEEPING = """
import time

def handle(message, redis):
    while not redis.set("lock", message.id, nx=True, ex=30):
        time.sleep(0.1)
    if redis.sadd("done", message.id):
        redis.incrby("balance:666", 100)
    redis.delete("lock")
"""


def test_who_sleeps_until_a_dead_holder_s_lock_expires_comes_to_its_end() -> None:
    """The answer is wrong, by a crash between mark and effect; but it is not stuck."""
    verdict = search(SLEEPING, REDIS_ONE)
    assert isinstance(verdict, Refuted)
    assert "holds 0" in verdict.claim


def test_who_sleeps_for_ever_is_stuck() -> None:
    assert isinstance(search(SLEEPING.replace(", ex=30", ""), REDIS_ONE, bounds=Bounds(faults=1, crashes=1)), Stuck)


def test_the_clock_inside_a_handler_is_the_world_s() -> None:
    source = """
import time, datetime

def handle(message, redis):
    redis.rpush("times", int(time.time()), datetime.datetime.now(datetime.UTC).isoformat(), int(time.monotonic()))
    redis.incrby("balance:666", 100)
"""
    found = run(source, REDIS_ONE, "AAAA~@AA", finish=False)
    _, times, _ = rows_of(found.final, "redis")[0]
    assert isinstance(times, tuple)
    assert times[1] == "2026-01-01T09:00:00+00:00"
    assert int(str(times[3])) - int(str(times[0])) == world.LONG // 1000


def test_a_lease_in_a_table_expires_too() -> None:
    source = """
import time

def schema(db):
    db.execute("CREATE TABLE orders (order_id TEXT PRIMARY KEY, amount INTEGER, done_at REAL)")

def handle(message, db):
    with db.conn:
        db.execute("DELETE FROM orders WHERE done_at < ?", [time.time() - 7 * 86400])
        db.execute("INSERT OR IGNORE INTO orders VALUES (?, ?, ?)",
                   [message.body["order_id"], message.body["amount"], time.time()])

def total(db):
    return db.execute("SELECT coalesce(sum(amount), 0) FROM orders").fetchone()[0]
"""
    part = part_of("02-idempotence", "order_total")
    report = part.check("02-idempotence", program(source))
    assert report.verdict.name == "refuted"
    assert "@" in (report.schedule or "")


# -- loops -------------------------------------------------------------------------------------------------

LOOP = """
def consume(queue, process):
    while (message := queue.receive()) is not None:
        {}
"""
ONE_LOOP = replace(loop_scenario("consume", 1), messages=[("8", {"amount": 100})])
TWO_LOOPS = replace(loop_scenario("consume", 2), messages=[("8", {"amount": 100})])
ACK_AFTER = LOOP.format("process(message); queue.ack(message)")


def test_acknowledging_a_superseded_delivery_raises() -> None:
    source = LOOP.format(
        """process(message)
        try:
            queue.ack(message)
        except ConnectionError as error:
            print(type(error).__name__)"""
    )
    found = run(source, ONE_LOOP, "AAA+AA", finish=False)
    assert found.events[-1].kind == "stale ack"
    assert "StaleDelivery" in found.events[-1].output


def test_acknowledging_twice_succeeds() -> None:
    source = LOOP.format("process(message); queue.ack(message); queue.ack(message)")
    found = run(source, ONE_LOOP, "")
    assert kinds(found) == ["start", "receive", "perform", "ack", "ack", "nothing", "end"]


def test_a_lost_acknowledgement_and_a_lost_answer_raise_but_only_the_first_repeats() -> None:
    lost = run(ACK_AFTER, ONE_LOOP, "AAAA~")
    assert "dies" in kinds(lost)
    assert rows_of(lost.final, "performed") == (("8", 2),)
    unanswered = run(ACK_AFTER, ONE_LOOP, "AAAA^")
    assert "dies" in kinds(unanswered)
    assert rows_of(unanswered.final, "performed") == (("8", 1),)


def test_a_failing_effect_was_not_done() -> None:
    found = run(ACK_AFTER, ONE_LOOP, "AAA-", finish=False)
    assert rows_of(found.final, "performed") == ()


def test_a_loop_that_has_seen_the_end_of_the_queue_runs_again_and_one_that_has_not_is_over() -> None:
    again = run(ACK_AFTER, TWO_LOOPS, "BAAAABB!")
    assert kinds(again).count("start") == 2
    only_one = (
        "def consume(queue, process):\n    message = queue.receive()\n    process(message)\n    queue.ack(message)\n"
    )
    two = replace(ONE_LOOP, messages=[("8", {"amount": 1}), ("88", {"amount": 1})])
    found = run(only_one, two, "")
    assert found.ended
    assert kinds(found).count("start") == 1
    assert rows_of(found.final, "performed") == (("8", 1),)


def test_a_loop_that_polls_for_ever_is_not_stuck() -> None:
    source = """
def consume(queue, process):
    while True:
        message = queue.receive()
        if message is not None:
            process(message)
            queue.ack(message)
"""
    assert isinstance(search(source, ONE_LOOP), Proved)


def test_a_batch_may_be_held_and_the_whole_of_it_returns() -> None:
    source = """
def consume(queue, process):
    batch = list(iter(queue.receive, None))
    for message in batch:
        process(message)
    for message in batch:
        queue.ack(message)
"""
    two = replace(ONE_LOOP, messages=[("8", {"amount": 1}), ("88", {"amount": 1})])
    found = run(source, two, "AAAAAAA!", finish=True)
    assert rows_of(found.final, "performed") == (("8", 2), ("88", 2))


def test_what_is_no_message_can_not_be_acknowledged() -> None:
    found = run(LOOP.format("queue.ack(message.id)"), ONE_LOOP, "AAA", finish=False)
    assert found.events[-1].raised is not None
    assert "expects a message" in found.events[-1].raised.text


# -- jobs --------------------------------------------------------------------------------------------------


def test_two_runs_of_a_job_overlap() -> None:
    settle = answer("ledger", "settle_adds_then_marks") if _has("ledger", "settle_adds_then_marks") else None
    if settle is None:
        settle = next(a for a in answers("mutants") if a.part == "ledger" and a.diagnosis == "effect-before-mark")
    part = part_of("03-unique-constraints", "ledger")
    assert isinstance(part, HandlerPart)
    started = part.opened(settle.program())
    assert isinstance(started, HandlerPart)
    scenario = next(s for s in started.scenarios if s.jobs == 2)
    letters = scenario.letters()
    assert letters[-2:] == ("S", "T")
    found = replay(settle.program(), scenario, parse("STST", letters), finish=False)
    assert [event.process for event in found.events] == ["S", "T", "S", "T"]
    assert [event.kind for event in found.events[:2]] == ["start", "start"]


def _has(part: str, name: str) -> bool:
    return any(a.part == part and a.name == name for a in answers("mutants"))


# -- sender and receiver -----------------------------------------------------------------------------------

QOS2 = qos2_scenario("one message", [(7, "20°")], bounds=Bounds(consumers=1, faults=2, crashes=1, lost_acks=2))
RECEIVER = """
class Receiver:
    def __init__(self, db):
        self.db = db

    def on_publish(self, packet_id, payload):
        with self.db.atomic():
            if self.db.execute("INSERT OR IGNORE INTO received VALUES (?)", [packet_id]).rowcount:
                self.db.execute("INSERT INTO inbox (payload) VALUES (?)", [payload])
        return "PUBREC"

    def on_pubrel(self, packet_id):
        with self.db.atomic():
            self.db.execute("DELETE FROM received WHERE packet_id = ?", [packet_id])
        return "PUBCOMP"
"""


def test_the_sender_repeats_until_it_is_answered() -> None:
    found = run(RECEIVER, QOS2, "S~SRRRRR~")
    assert kinds(found).count("lost packet") == 1
    assert kinds(found).count("lost answer") == 1
    assert kinds(found).count("transmit") == 3
    assert found.wrong is None
    assert rows_of(found.final, "inbox") == ((1, "20°"),)


def test_a_killed_receiver_is_a_new_instance_on_the_same_database() -> None:
    remembering = RECEIVER.replace("self.db = db", "self.db, self.count = db, 0").replace(
        'return "PUBREC"', 'self.count += 1; print("packet", self.count); return "PUBREC"'
    )
    kept = run(remembering, QOS2, "SRRRRR~", finish=True)
    assert "packet 2" in "".join(event.output for event in kept.events)
    killed = run(remembering, QOS2, "SRRRRR!", finish=True)
    assert "packet 2" not in "".join(event.output for event in killed.events)


def test_another_answer_than_the_one_expected_is_none() -> None:
    verdict = search(RECEIVER.replace('"PUBREC"', '"OK"'), QOS2)
    assert isinstance(verdict, Stuck)


# -- what is not deterministic -----------------------------------------------------------------------------


def test_a_handler_that_differs_between_two_runs_is_undetermined_with_its_line() -> None:
    source = """
def handle(message, redis):
    redis.set("where", id(object()) % 10**9 + len(made))
    made.append(object())
    redis.incrby("balance:666", 100)

made = __import__("sys").modules.setdefault("kept_by_the_interpreter", [])
"""
    verdict = search(source, REDIS_ONE)
    assert isinstance(verdict, Undetermined)
    assert verdict.line == ("<test>", 3)


def test_two_consumers_of_equal_payments_find_the_lost_update_between_messages() -> None:
    source = """
def handle(message, redis):
    with redis.pipeline() as pipe:
        if not redis.exists("done:" + message.id):
            balance = int(redis.get("balance:666"))
            pipe.multi()
            pipe.set("done:" + message.id, 1)
            pipe.set("balance:666", balance + 100)
            pipe.execute()
"""
    two = redis_scenario(
        "two", [("8", {"account": 666, "amount": 100}), ("88", {"account": 666, "amount": 100})], Bounds(faults=0)
    )
    verdict = search(source, two)
    assert isinstance(verdict, Refuted)
    assert "holds 100" in verdict.claim
