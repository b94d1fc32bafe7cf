"""What people have at work: sessions of SQLAlchemy, connections that they open themselves, decorated functions.

The packages are written as such projects are, and stand in a folder of the test.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from types import ModuleType
from typing import Any

import pytest

from redelivery import CannotCheck, Check, Result
from tests.own_project import OwnProject

pytest.importorskip("sqlalchemy")

MODELS = """
    import uuid
    from datetime import datetime
    from sqlalchemy import String, create_engine, event
    from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, scoped_session, sessionmaker

    class Base(DeclarativeBase):
        pass

    class Account(Base):
        __tablename__ = "account"
        id: Mapped[int] = mapped_column(primary_key=True)
        balance: Mapped[int] = mapped_column(default=0)

    class Processed(Base):
        __tablename__ = "processed"
        message_id: Mapped[str] = mapped_column(String(64), primary_key=True)
        at: Mapped[datetime] = mapped_column(default=datetime.utcnow)
        token: Mapped[str] = mapped_column(default=lambda: str(uuid.uuid4()))

    engine = create_engine("sqlite:///bank.db")
    Session = sessionmaker(engine)
    Scoped = scoped_session(Session)
"""
MARK = 'session.add(Processed(message_id=message["id"]))'
CREDIT = 'session.execute(update(Account).values(balance=Account.balance + message["amount"]))'
HEAD = """
    from sqlalchemy import insert, select, text, update
    from sqlalchemy.exc import IntegrityError
    from .models import Account, Base, Processed, Scoped, Session, engine
"""
#: Consumers with a session that they are given, and whether they are right for two messages.
WITH_SESSION = {
    "check-then-act": f"""
        if session.get(Processed, message["id"]) is None:
            {CREDIT}
            session.commit()
            {MARK}
            session.commit()
    """,
    "lost-update": f"""
        if session.get(Processed, message["id"]) is None:
            account = session.get(Account, 666)
            account.balance += message["amount"]
            {MARK}
            session.commit()
    """,
    "uncommitted-effect": f"""
        {MARK}
        {CREDIT}
    """,
    "right": f"""
        {MARK}
        try:
            session.flush()
        except IntegrityError:
            session.rollback()
            return
        {CREDIT}
        session.commit()
    """,
    "right, in a block": f"""
        with session.begin():
            done = session.execute(insert(Processed).prefix_with("OR IGNORE").values(message_id=message["id"]))
            if done.rowcount:
                {CREDIT}
    """,
}
#: Consumers that take their session or connection from the module.
WITH_MODULE = {
    "sessionmaker": f"""
        with Session.begin() as session:
            if session.execute(insert(Processed).prefix_with("OR IGNORE").values(message_id=message["id"])).rowcount:
                {CREDIT}
    """,
    "scoped_session": f"""
        session = Scoped()
        try:
            if session.execute(insert(Processed).prefix_with("OR IGNORE").values(message_id=message["id"])).rowcount:
                {CREDIT}
            session.commit()
        finally:
            Scoped.remove()
    """,
    "engine": f"""
        with engine.begin() as session:
            if session.execute(insert(Processed).prefix_with("OR IGNORE").values(message_id=message["id"])).rowcount:
                {CREDIT}
    """,
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OwnProject]:
    monkeypatch.chdir(tmp_path)
    own = OwnProject(tmp_path, monkeypatch)
    yield own
    own.close()


def bank(project: OwnProject, body: str, parameters: str, **more: str) -> ModuleType:
    indented = "\n".join("    " + line for line in body.splitlines())
    return project.write(models=MODELS, consumers=f"{HEAD}\n    def handle({parameters}):\n{indented}\n", **more)


def judged(module: ModuleType, handler: Any = None, **given: Any) -> Result:
    def accounts(session: Any) -> None:
        session.add(module.Account(id=666, balance=0))

    def credited(session: Any) -> bool:
        return bool(session.get(module.Account, 666).balance == 100)

    messages = [{"id": "8", "amount": 50}, {"id": "9", "amount": 50}]
    defaults = {"schema": [module.Base, accounts], "messages": messages, "claim": credited, "faults": 1}
    return Check(handler or module.handle, **{**defaults, **given}).run()


@pytest.mark.parametrize("name", WITH_SESSION)
def test_a_session_that_is_given(name: str, project: OwnProject) -> None:
    module = bank(project, WITH_SESSION[name], "message, session")
    result = judged(module, messages=[{"id": "8", "amount": 100}]) if name == "check-then-act" else judged(module)
    if name.startswith("right"):
        assert result.proved, result.text()
    else:
        assert (result.verdict, result.mistake) == ("refuted", name)
        assert result.file == str(Path(str(module.__file__)))


@pytest.mark.parametrize("name", WITH_MODULE)
def test_a_session_that_the_module_holds(name: str, project: OwnProject) -> None:
    module = bank(project, WITH_MODULE[name], "message")
    assert judged(module).proved
    assert not Path("bank.db").exists()


#: Consumers whose session outlives a delivery: what they do when it fails, and what is said of them.
KEEPS_ITS_SESSION = {
    "pass": "was not rolled back: whatever A asks of it since then raises PendingRollbackError, for every message",
    "session.rollback()": "",
}


@pytest.mark.parametrize("how", KEEPS_ITS_SESSION)
@pytest.mark.parametrize("where", ["Scoped", "Session", "made"])
def test_a_session_that_has_failed_stays_so(where: str, how: str, project: OwnProject) -> None:
    """A failure that is taken for a duplicate leaves a session that fails for all messages after it."""
    more = f"""
    from sqlalchemy import orm
    from sqlalchemy.exc import OperationalError
    held = {"Scoped" if where == "Scoped" else "orm.Session(engine)"}
    class Consumer:
        def __init__(self, session):
            self.session = session
        def on_payment(self, message):
            session = self.session
            try:
                {MARK}
                {CREDIT}
                session.commit()
            except IntegrityError:
                {how}
            except OperationalError:
                session.rollback()
                raise
    def handle(message):
        Consumer(held).on_payment(message)
    """
    module = project.write(models=MODELS, consumers=HEAD + more)
    messages = [{"id": "8", "amount": 60}, {"id": "8", "amount": 60}, {"id": "9", "amount": 40}]
    wiring: dict[str, Any] = {}
    if where == "made":
        wiring["make"] = lambda Consumer, session: Consumer(session)
        wiring["call"] = lambda consumer, message: consumer.on_payment(message)
    result = judged(module, module.Consumer if wiring else module.handle, messages=messages, **wiring)
    said = KEEPS_ITS_SESSION[how]
    assert (result.verdict, result.line is not None) == (("stuck", True) if said else ("proved", False)), result.text()
    assert said in result.sentence


def test_a_commit_that_fails_leaves_a_session_that_fails(project: OwnProject) -> None:
    body = f"""
        session = Scoped()
        if session.execute(insert(Processed).prefix_with("OR IGNORE").values(message_id=message["id"])).rowcount:
            {CREDIT}
        session.commit()
    """
    result = judged(bank(project, body, "message"))
    assert result.verdict == "stuck"
    assert "(database is locked), and the session was not rolled back" in result.sentence


def test_a_module_that_credits_and_marks_in_two_transactions(project: OwnProject) -> None:
    body = f"""
        with Session.begin() as session:
            if session.get(Processed, message["id"]) is not None:
                return
        with Session.begin() as session:
            {CREDIT}
        with Session.begin() as session:
            {MARK}
    """
    assert judged(bank(project, body, "message")).verdict == "refuted"


def test_listeners_of_the_engine_are_kept(project: OwnProject) -> None:
    """The recipe that makes the driver begin a transaction before the first SELECT."""
    models = (
        MODELS
        + """
    @event.listens_for(engine, "connect")
    def connected(connection, record):
        connection.isolation_level = None
        connection.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(engine, "begin")
    def begun(connection):
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    """
    )
    body = f"""
        with Session.begin() as session:
            if session.get(Processed, message["id"]) is None:
                account = session.get(Account, 666)
                account.balance += message["amount"]
                {MARK}
    """
    indented = "\n".join("    " + line for line in body.splitlines())
    module = project.write(models=models, consumers=f"{HEAD}\n    def handle(message):\n{indented}\n")
    assert judged(module).proved
    plain = project.write(models=MODELS, consumers=f"{HEAD}\n    def handle(message):\n{indented}\n")
    assert judged(plain).mistake == "lost-update"


def test_methods_of_a_class_with_an_injected_session(project: OwnProject) -> None:
    more = f"""
    class Consumer:
        def __init__(self, session_factory):
            self.sessions = session_factory
        def on_payment(self, message):
            with self.sessions() as session, session.begin():
                done = session.execute(insert(Processed).prefix_with("OR IGNORE").values(message_id=message["id"]))
                if done.rowcount:
                    {CREDIT}
    consumer = Consumer(Session)
    """
    module = project.write(models=MODELS, consumers=HEAD + more)
    assert judged(module, module.consumer.on_payment).proved

    def call(consumer: Any, message: Any, engine: Any) -> None:
        from sqlalchemy.orm import sessionmaker

        consumer(sessionmaker(engine)).on_payment(message)

    assert judged(module, module.Consumer, call=call).proved


@pytest.mark.parametrize(
    ("models", "said"),
    [
        (
            "import sqlalchemy\nfrom sqlalchemy.ext.asyncio import AsyncEngine\nengine = object.__new__(AsyncEngine)",
            "AsyncEngine",
        ),
        ("import sqlite3\nengine = sqlite3.connect('other.db')", "other.db. Say database='other.db'"),
        (
            "import redis\nengine = redis.ConnectionPool()",
            "redis.ConnectionPool. What can be simulated is a redis.Redis",
        ),
    ],
)
def test_what_leads_outside_is_named(models: str, said: str, project: OwnProject) -> None:
    module = project.write(models=models, consumers="from .models import engine\ndef handle(message, db): engine.x()")
    with pytest.raises(CannotCheck, match=said):
        Check(module.handle, [{"id": "8"}], lambda db: db["t"].count == 1, "CREATE TABLE t (x)").run()


# -- what is left open ---------------------------------------------------------------------------------------

LEAVES_OPEN = {
    "a connection": """
        import sqlite3
        held = sqlite3.connect("bank.db")
        def execute(sql, **named):
            return held.execute(sql, named)
    """,
    "a session": """
        from sqlalchemy import create_engine, text
        from sqlalchemy.orm import Session
        held = Session(create_engine("sqlite:///bank.db"))
        def execute(sql, **named):
            return held.execute(text(sql), named)
    """,
}


@pytest.mark.parametrize("what", LEAVES_OPEN)
def test_a_transaction_that_is_left_open_is_never_proved(what: str, project: OwnProject) -> None:
    """The duplicate returns without an end of its transaction, which locks out everybody else in a real process."""
    handle = """
        def handle(message):
            try:
                if execute("INSERT OR IGNORE INTO processed VALUES (:id)", id=message["id"]).rowcount:
                    execute("UPDATE account SET balance = balance + 50")
                    held.commit()
                END
            except Exception:
                held.rollback()
                raise
    """
    schema = (
        "CREATE TABLE account (balance); INSERT INTO account VALUES (0); CREATE TABLE processed (id TEXT PRIMARY KEY)"
    )
    results = []
    for end in ("pass", "held.rollback()"):
        module = project.write(consumers=dedent(LEAVES_OPEN[what]) + dedent(handle).replace("END", end))
        given = Check(
            module.handle,
            [{"id": "8"}],
            lambda db: db.execute("SELECT balance FROM account").fetchone() == (50,),
            schema,
            database="bank.db",
        )
        results.append(given.run())
    assert [result.verdict for result in results] == ["undetermined", "proved"], [r.text() for r in results]
    assert f"leaves a transaction open on {what} that the module holds" in results[0].sentence


# -- the module sqlite3 ------------------------------------------------------------------------------------------

PLAIN = """
    import sqlite3
    from contextlib import closing
    DB = "bank.db"

    def wrong(message):
        conn = sqlite3.connect(DB)
        if conn.execute("SELECT 1 FROM processed WHERE id = ?", (message["id"],)).fetchone():
            return
        with conn:
            conn.execute("UPDATE account SET balance = balance + ?", (message["amount"],))
        with conn:
            conn.execute("INSERT INTO processed VALUES (?)", (message["id"],))
        conn.close()

    def right(message):
        with closing(sqlite3.connect(DB, isolation_level=None)) as conn:
            conn.execute("BEGIN IMMEDIATE")
            try:
                if not conn.execute("SELECT 1 FROM processed WHERE id = ?", (message["id"],)).fetchone():
                    conn.execute("UPDATE account SET balance = balance + ?", (message["amount"],))
                    conn.execute("INSERT INTO processed VALUES (?)", (message["id"],))
                conn.execute("COMMIT")
            finally:
                if conn.in_transaction:
                    conn.execute("ROLLBACK")

    def two_at_a_time(message):
        with sqlite3.connect(DB) as one:
            one.execute("INSERT OR IGNORE INTO processed VALUES (?)", (message["id"],))
            sqlite3.connect(DB).execute("UPDATE account SET balance = 100")
"""


@pytest.mark.parametrize(
    ("name", "verdict"), [("wrong", "refuted"), ("right", "proved"), ("two_at_a_time", "undetermined")]
)
def test_connections_that_the_consumer_opens_itself(name: str, verdict: str, project: OwnProject) -> None:
    module = project.write(consumers=PLAIN)
    schema = (
        "CREATE TABLE account (balance); INSERT INTO account VALUES (0); CREATE TABLE processed (id TEXT PRIMARY KEY)"
    )
    given: dict[str, Any] = {
        "messages": [{"id": "8", "amount": 100}],
        "claim": lambda db: db.execute("SELECT balance FROM account").fetchone() == (100,),
        "schema": schema,
    }
    result = Check(getattr(module, name), **given, database="bank.db").run()
    assert result.verdict == verdict, result.text()
    assert not Path("bank.db").exists()
    other = Check(getattr(module, name), **given).run()
    assert other.verdict == "undetermined" and "('bank.db'); say with database= which" in other.sentence


def test_a_connection_that_the_module_opens_once(project: OwnProject) -> None:
    module = project.write(
        consumers="""
            import sqlite3
            conn = sqlite3.connect("bank.db")
            def handle(message):
                with conn:
                    if conn.execute("INSERT OR IGNORE INTO processed VALUES (?)", (message["id"],)).rowcount:
                        conn.execute("UPDATE account SET balance = balance + 100")
        """
    )
    schema = (
        "CREATE TABLE account (balance); INSERT INTO account VALUES (0); CREATE TABLE processed (id TEXT PRIMARY KEY)"
    )
    claim = lambda db: db.execute("SELECT balance FROM account").fetchone() == (100,)  # noqa: E731
    assert Check(module.handle, [{"id": "8"}], claim, schema, database="bank.db").run().proved
    module.conn.close()


# -- frameworks --------------------------------------------------------------------------------------------------

WITHOUT = f"""
    with Session.begin() as session:
        {CREDIT}
"""
DECORATED = {
    "celery": ("from celery import shared_task", "@shared_task\n    def handle(message):"),
    "celery, bound": (
        "from celery import Celery\n    app = Celery('x')",
        "@app.task(bind=True)\n    def handle(self, message):",
    ),
    "dramatiq": (
        "import dramatiq\n    from dramatiq.brokers.stub import StubBroker\n    dramatiq.set_broker(StubBroker())",
        "@dramatiq.actor\n    def handle(message):",
    ),
    "faststream": (
        "from faststream.rabbit import RabbitBroker\n    broker = RabbitBroker('amqp://nowhere')",
        "@broker.subscriber('payments')\n    async def handle(message: dict):",
    ),
}


@pytest.mark.parametrize("name", DECORATED)
def test_decorated_functions_are_called_as_their_framework_would(name: str, project: OwnProject) -> None:
    pytest.importorskip(name.partition(",")[0])
    if name == "faststream":
        pytest.importorskip("aio_pika")
    imports, head = DECORATED[name]
    for body, verdict in ((WITHOUT, "refuted"), (WITH_MODULE["sessionmaker"], "proved")):
        indented = "\n".join("    " + line for line in body.splitlines())
        module = project.write(models=MODELS, consumers=f"{HEAD}\n    {imports}\n    {head}\n{indented}\n")
        result = judged(module)
        assert result.verdict == verdict, result.text()
        assert verdict == "proved" or result.mistake == "no-duplicate-check"


def test_a_task_that_is_sent_from_a_task_leads_outside(project: OwnProject) -> None:
    pytest.importorskip("celery")
    module = project.write(
        models=MODELS,
        consumers=f"""{HEAD}
    from celery import Celery
    app = Celery("x", broker="redis://nowhere")
    @app.task
    def other(message):
        pass
    @app.task
    def handle(message):
        with Session.begin() as session:
            {CREDIT}
        other.delay(message)
""",
    )
    result = judged(module)
    assert result.verdict == "undetermined", result.text()
