"""SQLAlchemy over the connections of the search: its dialect but for what it asks a new connection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy
from greenlet import getcurrent
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.mysql.pymysql import MySQLDialect_pymysql
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.pool import NullPool, StaticPool


class _Kept:
    """The connection is the process's, which goes on using it."""

    supports_statement_cache = True

    def on_connect(self) -> Any:
        return None

    def on_connect_url(self, url: Any) -> Any:
        return None

    def do_close(self, dbapi_connection: Any) -> None:
        """Not closed."""

    do_terminate = do_close


class SearchedPostgres(_Kept, PGDialect_psycopg):
    """PostgreSQL's dialect over psycopg."""

    supports_statement_cache = True


class SearchedMariaDB(_Kept, MySQLDialect_pymysql):
    """MySQL's dialect over PyMySQL."""

    supports_statement_cache = True


registry.register("postgresql.searched", __name__, "SearchedPostgres")
registry.register("mysql.searched", __name__, "SearchedMariaDB")
URLS = {"postgres": "postgresql+searched://", "mariadb": "mysql+searched://"}


def engine_over(name: str, connection: Any, options: dict[str, Any] | None = None) -> sqlalchemy.Engine:
    """An engine over one connection, for a schema or a claim."""
    return sqlalchemy.create_engine(URLS[name], creator=lambda: connection, poolclass=StaticPool, **(options or {}))


def engine_of_processes(name: str, other: Callable[[], Any], real: Any = None) -> sqlalchemy.Engine:
    """An engine over the connection of whichever process is at work; ``other`` gives one while none is.

    ``real``: the user's engine that it stands for.
    """
    options: dict[str, Any] = {}
    level = real.get_execution_options().get("isolation_level") if real is not None else None
    level = level or (getattr(real.dialect, "_on_connect_isolation_level", None) if real is not None else None)

    def creator() -> Any:
        line = getattr(getcurrent(), "line", None)
        return other() if line is None else line.connection

    plain = sqlalchemy.create_engine(URLS[name], creator=creator, poolclass=NullPool, **options)
    with plain.connect():  # asks the server, once, what it is
        pass
    return plain.execution_options(isolation_level=level) if level is not None else plain
