"""What stands, in a process of the simulation, for clients that lead outside of it.

A project's modules hold engines, sessions, clients of Redis and functions that call other services. In a copy of such a
module each is replaced by one that asks the world::

    engine = create_engine("sqlite:///shop.db")     an engine over the simulated connection
    Session = sessionmaker(engine)                  a sessionmaker of that engine
    r = redis.Redis(host="cache")                   a client of the simulated Redis
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import sys
import types
from collections.abc import Callable
from typing import Any, Protocol

import sqlite_utils

from ..simulation import guards
from ..simulation.memory import CannotCopy
from ..simulation.operations import RedisReply
from ..simulation.sqlite_client import Opened
from .frameworks import Decorated, framework_of, function_of
from .outside import Fake


class LeadsOutside(CannotCopy):
    """A thing that leads outside of its process, and nothing can stand for it; ``hint`` says what to do."""

    def __init__(self, what: str, hint: str) -> None:
        super().__init__(what)
        self.hint = hint


class ForProcess(Protocol):
    """What makes the copies of one process."""

    before: list[Callable[[], None]]
    """To be called before each delivery."""
    after: list[Callable[[], None]]
    """To be called after each delivery."""

    def copy(self, thing: Any) -> Any:
        """The process's copy of a thing."""


def _kinds(module: str, *names: str) -> tuple[type, ...]:
    """These classes of a library, if it is imported at all: who has not imported it holds nothing of it."""
    found = sys.modules.get(module)
    return tuple(kind for name in names if isinstance(kind := getattr(found, name, None), type))


def _top(kind: type) -> str:
    return str(kind.__module__).partition(".")[0]


def is_failed(session: Any) -> bool:
    """Whether a session is one that has failed, and was not rolled back since: all that it is asked from then on fails.

    That it remembers, from one delivery to the next::

        8   session.commit() → IntegrityError, which the handler takes for "delivered again"
        9   session.get(…)   → PendingRollbackError: a rollback is missing
    """
    own = _own_session(session)
    return isinstance(own, _kinds("sqlalchemy.orm", "Session")) and not getattr(own, "is_active", True)


def _own_session(session: Any) -> Any:
    """The session itself, where it is a scoped one; None where that has none now."""
    if isinstance(session, _kinds("sqlalchemy.orm", "scoped_session")):
        registry: Any = getattr(session, "registry", None)
        return registry() if registry.has() else None
    return session


def stays_failed(session: Any) -> bool:
    """Whether a session has failed, and its process lives on."""
    source: Any = guards.source
    return is_failed(session) and not (source is not None and source.unwinds())


class StandIns:
    """The stand-ins of one check."""

    def __init__(self, is_database: Callable[[Any], bool]) -> None:
        """``is_database``: whether a path stands for the simulated database."""
        self._is_database = is_database
        self.uses_redis = False
        """A client of Redis was found."""
        self.uses_sqlite = False
        """An engine of SQLite was found."""
        self.left_open = ""
        """What a delivery has left in the middle of a transaction, and the next one of its process finds so."""
        self._engines: dict[int, tuple[Any, Any]] = {}

    def copy(self, thing: Any, kind: type, process: ForProcess) -> Any:
        """What stands for ``thing``; None where it is copied as anything else.

        Raises:
            CannotCopy: it leads outside, and nothing can stand for it.
        """
        top = _top(kind)
        if kind is Fake:
            return thing
        if top == "sqlalchemy":
            return self._of_sqlalchemy(thing, kind, process)
        if framework_of(kind) is not None:
            function = function_of(thing)
            if function is thing:
                return thing
            if isinstance(function, types.MethodType):  # bound to the task itself
                return Decorated(types.MethodType(process.copy(function.__func__), thing), thing)
            return Decorated(process.copy(function), thing)
        if isinstance(thing, sqlite3.Connection):
            return self._opened(thing, process)
        if kind is sqlite_utils.Database:
            opened = self._opened(thing.conn, process)
            return None if opened is None else sqlite_utils.Database(opened, execute_plugins=False)
        if top == "redis" and isinstance(thing, _kinds("redis", "Redis")):
            return self._redis(thing, process)
        if top == "redis" and isinstance(thing, _kinds("redis", "ConnectionPool", "RedisCluster", "Sentinel")):
            raise LeadsOutside(f"a redis.{kind.__name__}", "What can be simulated is a redis.Redis")
        if isinstance(thing, type) and "__mapper__" in vars(thing):
            return thing
        return None

    def tell(self, thing: Any) -> Any:
        """What a fingerprint says of a thing that remembers nothing from one delivery to the next, or that all
        processes share; None of others."""
        kind = type(thing)
        if kind is Fake:
            return ("fake", thing.name)
        top = _top(kind)
        if top in ("sqlalchemy", "redis", "sqlite_utils") or kind is sqlite_utils.Database:
            if is_failed(thing):
                return (top, kind.__name__, "failed")
            shared = self._is_client(thing)
            return (top, kind.__name__) if shared else (top, kind.__name__, id(thing))
        if framework_of(kind) is not None:
            return ("framework", id(thing))
        if isinstance(thing, type) and "__mapper__" in vars(thing):
            return ("mapped", id(thing))
        return None

    @staticmethod
    def _is_client(thing: Any) -> bool:
        kinds = (
            *_kinds("sqlalchemy.orm", "Session", "scoped_session", "sessionmaker"),
            *_kinds("sqlalchemy.engine", "Engine", "Connection"),
            *_kinds("redis", "Redis"),
            sqlite_utils.Database,
        )
        return isinstance(thing, kinds)

    # -- SQLAlchemy ------------------------------------------------------------------------------------

    def _of_sqlalchemy(self, thing: Any, kind: type, process: ForProcess) -> Any:
        made: Any
        if kind.__module__.startswith("sqlalchemy.ext.asyncio"):
            raise LeadsOutside(
                f"SQLAlchemy's {kind.__name__}, which works with threads or a driver of its own",
                "What can be simulated is the plain Engine and Session",
            )
        if isinstance(thing, _kinds("sqlalchemy.engine", "Engine")):
            return self.engine(thing)
        if isinstance(thing, _kinds("sqlalchemy.engine", "Connection")):
            raise LeadsOutside("an open connection of SQLAlchemy", "Open it inside of the function")
        if isinstance(thing, _kinds("sqlalchemy.orm", "sessionmaker")):
            new: Any = object.__new__(kind)
            vars(new).update(vars(thing))
            new.kw = {name: process.copy(value) if name == "bind" else value for name, value in new.kw.items()}
            return new
        if isinstance(thing, _kinds("sqlalchemy.orm", "scoped_session")):
            made = kind
            scoped = made(process.copy(getattr(thing, "session_factory", None)))
            process.after.append(lambda: self._end(scoped, scoped.remove))
            return scoped
        if isinstance(thing, _kinds("sqlalchemy.orm", "Session")):
            made = kind
            session = made(bind=process.copy(getattr(thing, "bind", None)))
            process.after.append(lambda: self._end(session, session.close))
            return session
        return thing

    def engine(self, real: Any = None) -> Any:
        """An engine over the connection of the process that is at work, in place of ``real``."""
        from .alchemy import simulated_engine

        if real is not None and real.dialect.name != "sqlite":
            raise LeadsOutside(
                f"an engine of {real.dialect.name}, and what is simulated is SQLite",
                "Have the function take its session from an argument, and name that `session`",
            )
        known = self._engines.get(id(real))
        if known is None:
            known = self._engines[id(real)] = (real, simulated_engine(real))
        self.uses_sqlite = True
        return known[1]

    def _end(self, session: Any, close: Callable[[], None]) -> None:
        """After a delivery: a session that lives on."""
        if stays_failed(session):
            return
        source: Any = guards.source
        own = _own_session(session)
        if source is not None and own is not None and own.in_transaction():
            self._look_whether_open("a session", source.connection_now())
        close()

    def _look_whether_open(self, what: str, connection: Any) -> None:
        source: Any = guards.source
        if source is None or source.unwinds():
            return
        with contextlib.suppress(sqlite3.ProgrammingError):  # it is closed
            if connection.in_transaction:
                self.left_open = what

    # -- sqlite3 ---------------------------------------------------------------------------------------

    def _opened(self, real: sqlite3.Connection, process: ForProcess) -> Any:
        """A connection that a module has opened, where it leads to what is simulated."""
        try:
            paths = [row[2] for row in real.execute("PRAGMA database_list")]
        except sqlite3.Error:
            return None
        if not any(path and self._is_database(path) for path in paths):
            where = next((path for path in paths if path), ":memory:")
            raise LeadsOutside(
                f"a connection to the database {where}",
                f"Say database={os.path.basename(where)!r} if that is the one that is to be simulated",
            )
        opened = Opened(_ask, _note, _look_back)
        opened.opened_with({"isolation_level": real.isolation_level}, ())
        opened.row_factory, opened.text_factory = real.row_factory, real.text_factory
        process.before.append(opened._begin_delivery)
        process.after.append(lambda: self._look_whether_open("a connection", opened))
        self.uses_sqlite = True
        return opened

    # -- Redis -----------------------------------------------------------------------------------------

    def _redis(self, real: Any, process: ForProcess) -> Any:
        from ..simulation.redis_client import begin_delivery, make_client

        self.uses_redis = True
        decodes = bool(real.connection_pool.connection_kwargs.get("decode_responses"))
        client = make_client(_ask_redis, _note, decode=decodes)
        process.before.append(lambda: begin_delivery(client))
        return client


def _host() -> Any:
    source = guards.source
    if source is None:
        raise guards.NotAllowedHere("a store of the simulation can only be used while a process is at work")
    return source


def _ask(statement: Any) -> Any:
    return _host().ask(statement)


def _look_back(what: str) -> int:
    told: int = _host().look_back(what)
    return told


def _ask_redis(request: Any) -> RedisReply:
    reply: RedisReply = _host().ask_redis(request)
    return reply


def _note(what: str) -> None:
    _host().note_unsupported(what)
