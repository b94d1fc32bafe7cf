"""Three consumers in the style of public projects, with the mistakes of public bug reports, checked from pytest in a
project outside of this repository. Each mistake is found, and each mended version proved.

The code is written anew. The mistakes are those of

- webhook events in a table of SQLAlchemy: `ai-shifu/ai-shifu#2654` (read, then inserted: two deliveries both find none)
  and `preloop/preloop#517` (every IntegrityError is taken for a second delivery);
- events that were seen, in a table of `sqlite3`: `Lifecycle-Innovations-Limited/claude-ops#369` (SELECT, then INSERT;
  and seen before it was done);
- one task at a time by a lock in Redis: `cameronmaske/celery-once#7` (GET, then SET), `#36` (the lock expires while the
  task is still at work), and `kongluoxing/celerybeatredis#11` (the holder dies, and the lock stays for ever).
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

pytest.importorskip("sqlalchemy")

FILES = {
    "pytest.ini": """
        [pytest]
        pythonpath = src
        addopts = -p no:cacheprovider
    """,
    # -- billing webhooks ------------------------------------------------------------------------------
    "src/billing/models.py": """
        from sqlalchemy import CheckConstraint, create_engine
        from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, sessionmaker


        class Base(DeclarativeBase):
            pass


        class Subscription(Base):
            __tablename__ = "subscription"
            __table_args__ = (CheckConstraint("seats >= 0"),)
            customer: Mapped[str] = mapped_column(primary_key=True)
            seats: Mapped[int]


        class WebhookEvent(Base):
            __tablename__ = "webhook_event"
            id: Mapped[int] = mapped_column(primary_key=True)
            provider_event_id: Mapped[str]


        class UniqueWebhookEvent(Base):
            __tablename__ = "unique_webhook_event"
            provider_event_id: Mapped[str] = mapped_column(primary_key=True)


        engine = create_engine("sqlite:///billing.db")
        Session = sessionmaker(engine)
    """,
    "src/billing/webhooks.py": """
        from sqlalchemy import select, update
        from sqlalchemy.exc import IntegrityError

        from .models import Session, Subscription, UniqueWebhookEvent, WebhookEvent


        def _apply(session, event):
            session.execute(
                update(Subscription)
                .where(Subscription.customer == event["customer"])
                .values(seats=Subscription.seats + event["seats"])
            )


        def reads_then_inserts(event):
            with Session() as session:
                known = session.scalar(select(WebhookEvent).where(WebhookEvent.provider_event_id == event["id"]))
                if known is not None:
                    return
                session.add(WebhookEvent(provider_event_id=event["id"]))
                session.commit()
                _apply(session, event)
                session.commit()


        def every_error_is_a_duplicate(event):
            try:
                with Session.begin() as session:
                    session.add(UniqueWebhookEvent(provider_event_id=event["id"]))
                    session.flush()
                    _apply(session, event)
            except IntegrityError:
                return


        def mended(event):
            with Session() as session:
                session.add(UniqueWebhookEvent(provider_event_id=event["id"]))
                try:
                    session.flush()
                except IntegrityError:
                    return
                _apply(session, event)
                session.commit()
    """,
    "tests/test_webhooks.py": """
        import pytest
        from billing import webhooks
        from billing.models import Base, Subscription

        from redelivery import check

        pytestmark = pytest.mark.redelivery(faults=1)


        def customers(session):
            session.add(Subscription(customer="ada", seats=1))


        GIVEN = dict(
            schema=[Base, customers],
            messages=[{"id": "evt_1", "customer": "ada", "seats": 4}],
            claim={"five seats": lambda session: session.get(Subscription, "ada").seats == 5},
        )
        REFUSED = {**GIVEN, "poison": ["evt_2"]}
        REFUSED["messages"] = [*GIVEN["messages"], {"id": "evt_2", "customer": "ada", "seats": -9}]


        def test_reads_then_inserts():
            check(webhooks.reads_then_inserts, **GIVEN)


        def test_every_error_is_a_duplicate():
            check(webhooks.every_error_is_a_duplicate, **REFUSED)


        def test_mended():
            check(webhooks.mended, **REFUSED)
    """,
    # -- decisions that were seen ----------------------------------------------------------------------
    "src/receiver/app.py": """
        import os
        import sqlite3
        from contextlib import contextmanager

        DB_PATH = os.environ.get("RECEIVER_DB", "receiver.db")


        @contextmanager
        def _db():
            conn = sqlite3.connect(DB_PATH, timeout=30)
            try:
                with conn:
                    yield conn
            finally:
                conn.close()


        def _seen(key):
            with _db() as conn:
                if conn.execute("SELECT 1 FROM seen WHERE id = ?", (key,)).fetchone():
                    return True
                conn.execute("INSERT INTO seen (id) VALUES (?)", (key,))
            return False


        def _record(conn, payload):
            conn.execute("INSERT INTO decision VALUES (?, ?)", (payload["recording"], payload["text"]))


        def seen_before_it_is_done(payload):
            if _seen(f"{payload['recording']}:{payload['event']}"):
                return
            with _db() as conn:
                _record(conn, payload)


        def done_before_it_is_seen(payload):
            key = f"{payload['recording']}:{payload['event']}"
            with _db() as conn:
                if conn.execute("SELECT 1 FROM seen WHERE id = ?", (key,)).fetchone():
                    return
            with _db() as conn:
                _record(conn, payload)
            _seen(key)


        def mended(payload):
            with _db() as conn:
                key = f"{payload['recording']}:{payload['event']}"
                if conn.execute("INSERT OR IGNORE INTO seen (id) VALUES (?)", (key,)).rowcount:
                    _record(conn, payload)
    """,
    "tests/test_receiver.py": """
        from receiver import app

        from redelivery import as_often_as, check

        GIVEN = dict(
            database=app.DB_PATH,
            schema="CREATE TABLE seen (id TEXT PRIMARY KEY); CREATE TABLE decision (recording TEXT, text TEXT);",
            messages=[{"recording": "r1", "event": "created", "text": "yes"}],
            claim=as_often_as(lambda db: db["decision"].count, "decisions"),
        )


        def test_seen_before_it_is_done():
            check(app.seen_before_it_is_done, **GIVEN)


        def test_done_before_it_is_seen():
            check(app.done_before_it_is_seen, **GIVEN)


        def test_mended():
            check(app.mended, **GIVEN)
    """,
    # -- one task at a time ----------------------------------------------------------------------------
    "src/once/tasks.py": """
        import redis

        client = redis.Redis.from_url("redis://localhost:6379/8", decode_responses=True)


        def _work(task):
            client.rpush("report:" + task["report"], task["page"])


        def get_then_set(task):
            key = "once:" + task["id"]
            if client.get(key):
                return
            client.set(key, "running")
            _work(task)


        def lock_that_expires(task):
            if not client.set("lock:" + task["id"], "running", nx=True, ex=60):
                raise redis.exceptions.LockError("somebody else is at work")
            if not client.exists("once:" + task["id"]):
                with client.pipeline() as pipe:
                    pipe.rpush("report:" + task["report"], task["page"])
                    pipe.set("once:" + task["id"], "done")
                    pipe.execute()
            client.delete("lock:" + task["id"])


        def lock_for_ever(task):
            if client.set("once:" + task["id"], "running", nx=True):
                _work(task)
                client.set("once:" + task["id"], "done")
            elif client.get("once:" + task["id"]) == "running":
                raise RuntimeError("somebody else is at work")


        def mended(task):
            client.hsetnx("report:" + task["report"], task["id"], task["page"])
    """,
    "tests/test_tasks.py": """
        from once import tasks

        from redelivery import check

        MESSAGES = [{"id": "t1", "report": "sales", "page": "1"}]
        ONE_PAGE = {"one page": lambda redis: redis.lrange("report:sales", 0, -1) == [b"1"]}


        def test_get_then_set():
            check(tasks.get_then_set, messages=MESSAGES, claim=ONE_PAGE)


        def test_lock_that_expires():
            check(tasks.lock_that_expires, messages=MESSAGES, claim=ONE_PAGE)


        def test_lock_for_ever():
            check(tasks.lock_for_ever, messages=MESSAGES, claim=ONE_PAGE)


        def test_mended():
            check(tasks.mended, messages=MESSAGES, claim=lambda redis: redis.hvals("report:sales") == [b"1"])
    """,
}
#: Each mistake, with what is told of it: the verdict, the name, and the line that is shown.
MISTAKES = {
    "test_reads_then_inserts": ("REFUTED", "check-then-act", "billing/webhooks.py"),
    "test_every_error_is_a_duplicate": ("REFUTED", "", "billing/webhooks.py"),
    "test_seen_before_it_is_done": ("REFUTED", "mark-before-effect", "receiver/app.py"),
    "test_done_before_it_is_seen": ("REFUTED", "", "receiver/app.py"),
    "test_get_then_set": ("REFUTED", "check-then-act", "once/tasks.py"),
    "test_lock_that_expires": ("REFUTED", "overrun-lease", "once/tasks.py"),
    "test_lock_for_ever": ("STUCK", "poison-message", "once/tasks.py"),
}


def test_each_mistake_is_found_and_each_mended_version_proved(tmp_path: Path) -> None:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), "utf-8")
        if name.startswith("src"):
            (path.parent / "__init__.py").touch()
    words = [sys.executable, "-m", "pytest", "-v", "--color=no"]
    environment = {**os.environ, "COLUMNS": "120", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True)
    outcomes = dict(re.findall(r"::(test_\w+) (PASSED|FAILED|ERROR)", done.stdout))
    passed = [line for line in done.stdout.splitlines() if "::test_mended PASSED" in line]
    assert len(passed) == 3, done.stdout
    assert {name for name, outcome in outcomes.items() if outcome == "FAILED"} == set(MISTAKES), done.stdout
    for name, (verdict, mistake, file) in MISTAKES.items():
        failure = done.stdout.split(f"_ {name} _")[1].split("\nE       Replay:")[0]
        head = next(line for line in failure.splitlines() if "NotProved: " in line)
        assert f"NotProved: {verdict} " in head and mistake in head, failure
        assert f"src/{file}:" in failure, failure
    assert not list(tmp_path.rglob("*.db"))
