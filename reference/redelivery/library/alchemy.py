"""SQLAlchemy over the simulated connection: the dialect of `sqlite3`, whose connections are those of the processes.

Sessions and connections of SQLAlchemy are given the `sqlite3.Connection` of the process that is at work, whenever they
ask for one. Nothing is pooled. What the driver does when a connection is made (functions for regular expressions) is
left out, since a query that used them could not be simulated.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from types import ModuleType
from typing import Any

import sqlalchemy
from sqlalchemy import event
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.pool import NullPool, StaticPool

from ..simulation import guards


class Simulated(SQLiteDialect_pysqlite):
    """SQLite's dialect over the simulated connection."""

    supports_statement_cache = True

    def on_connect(self) -> Any:
        return None

    def on_connect_url(self, url: Any) -> Any:
        return None

    def get_default_isolation_level(self, dbapi_conn: Any) -> Any:
        return "SERIALIZABLE"

    def initialize(self, connection: Any) -> None:
        """Everything that a real database would be asked is known."""
        self.server_version_info = sqlite3.sqlite_version_info
        self.default_schema_name = None
        self.default_isolation_level = "SERIALIZABLE"

    def do_rollback(self, dbapi_connection: Any) -> None:
        # A session that is thrown away may be collected at any moment: under another process's hands, or when a search
        # is over and nobody is at work.
        connection = getattr(dbapi_connection, "dbapi_connection", dbapi_connection)
        source: Any = guards.source
        own = source is not None and source.in_learner_code() and source.connection_now() is connection
        if own or isinstance(connection, sqlite3.Connection):
            dbapi_connection.rollback()

    def do_close(self, dbapi_connection: Any) -> None:
        """The connection is the process's, which goes on using it."""

    do_terminate = do_close


registry.register("sqlite.redelivery", __name__, "Simulated")


def _connection() -> Any:
    source: Any = guards.source
    if source is None:
        raise guards.NotAllowedHere("a database of the simulation can only be used while a process is at work")
    return source.connection_now()


def simulated_engine(real: Any = None) -> sqlalchemy.Engine:
    """An engine over the connection of whichever process is at work, with what listens to ``real``."""
    options: dict[str, Any] = {}
    if real is not None and real.get_execution_options().get("isolation_level") is not None:
        options["isolation_level"] = real.get_execution_options()["isolation_level"]
    level = getattr(real.dialect, "_on_connect_isolation_level", None) if real is not None else None
    if level is not None:
        options["isolation_level"] = level
    engine = sqlalchemy.create_engine("sqlite+redelivery://", creator=_connection, poolclass=NullPool, **options)
    if real is not None:
        for name in ("begin", "commit", "rollback", "engine_connect"):
            for listener in getattr(real.dispatch, name):
                event.listen(engine, name, listener)
        for listener in real.pool.dispatch.connect:
            if not str(getattr(listener, "__module__", "")).startswith("sqlalchemy"):
                event.listen(engine, "connect", listener)
    return engine


def engine_over(connection: sqlite3.Connection) -> sqlalchemy.Engine:
    """An engine over one connection, for a schema or a claim."""
    return sqlalchemy.create_engine("sqlite+redelivery://", creator=lambda: connection, poolclass=StaticPool)


@contextlib.contextmanager
def with_defaults(modules: Iterable[ModuleType], copy: Callable[[Any], Any]) -> Iterator[None]:
    """Functions that give columns their defaults (``default=datetime.utcnow``) look at the world's clock, and draw the
    world's numbers. Mapped classes are shared by all processes, so such functions are replaced where they stand."""
    undo: list[tuple[Any, Any]] = []
    try:
        for table in _tables(modules):
            for column in table.columns:
                default: Any
                for default in (column.default, column.onupdate):
                    if default is not None and getattr(default, "is_callable", False):
                        undo.append((default, default.arg))
                        default.arg = _copied(default.arg, copy)
        yield
    finally:
        for default, arg in undo:
            default.arg = arg


def _tables(modules: Iterable[ModuleType]) -> Iterator[sqlalchemy.Table]:
    seen: set[int] = set()
    for module in modules:
        for thing in list(vars(module).values()):
            metadata = metadata_of(thing) if isinstance(thing, type | sqlalchemy.MetaData | sqlalchemy.Table) else None
            if metadata is not None and id(metadata) not in seen:
                seen.add(id(metadata))
                yield from metadata.tables.values()


def _copied(function: Any, copy: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The copy of a column's default. SQLAlchemy has put a function around those that take no argument."""
    if str(getattr(function, "__module__", "")).startswith("sqlalchemy") or "fn" in getattr(
        getattr(function, "__code__", None), "co_freevars", ()
    ):
        for cell in function.__closure__ or ():
            if callable(cell.cell_contents):
                inner = copy(cell.cell_contents)
                return lambda context: inner()
    copied: Callable[[Any], Any] = copy(function)
    return copied


def metadata_of(thing: Any) -> sqlalchemy.MetaData | None:
    """The tables that ``thing`` names: MetaData, or a declarative base; None where it is neither."""
    found = thing if isinstance(thing, sqlalchemy.MetaData) else getattr(thing, "metadata", None)
    return found if isinstance(found, sqlalchemy.MetaData) else None
