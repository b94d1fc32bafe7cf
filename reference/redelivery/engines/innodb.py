"""MariaDB behind the port: PyMySQL as it is, with its socket for the scheduler's door.

Facts (InnoDB, MariaDB 10.6 to 11): ``SHOW ENGINE INNODB STATUS`` says which transaction is in LOCK WAIT. A deadlock is
found at once, and its victim is the transaction that has changed less; ``innodb_snapshot_isolation`` (from 10.6.18, on
by default from 11.6.2) makes REPEATABLE READ refuse with error 1020 what others changed since. Numbers that
AUTO_INCREMENT or a sequence has given out are not taken back by a rollback.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import re
import secrets
import select
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from time import monotonic
from typing import Any

import pymysql
from pymysql.constants import COMMAND, SERVER_STATUS

from .failure import EngineFailure
from .kinds import needed
from .port import Answer, Client, Contents, Killed, Line, Statement, Store, about_to, is_at_work, no_answer_yet, overdue
from .servers import OwnServer, Server

_SOON = 1.5
_FIRST = re.compile(r"^(?:\s|--[^\n]*\n|/\*.*?\*/)*(\w+)", re.DOTALL)
_LOCKS = re.compile(
    r"\bfor\s+update\b|\block\s+in\s+share\s+mode\b|\b(nextval|lastval|setval|get_lock|next\s+value)\b", re.I
)
_STICKY = re.compile(
    r"^\s*set\s|\b(get_lock|release_lock|last_insert_id|lastval)\b|\btemporary\s+table|^\s*prepare\b", re.I
)


def _make_server() -> Server:
    found = needed("mariadb")
    server = Server("MariaDB")
    folder = server.folder
    install = next(
        (
            path
            for name in ("mariadb-install-db", "mysql_install_db")
            for place in (found.folder, Path("/usr/bin"), Path("/usr/local/bin"), Path("/opt/homebrew/bin"))
            if (path := place / name).exists()
        ),
        None,
    )
    if install is None:
        server.stop()
        raise EngineFailure(f"MariaDB at {found.where} has no mariadb-install-db beside it: {found.kind.how_to_get}")
    user = ["--user=nobody"] if os.getuid() == 0 else []
    server.run(
        [
            *(install, "--no-defaults", f"--datadir={folder}/data", "--auth-root-authentication-method=normal"),
            *("--skip-test-db", *user),
        ],
        "mariadb-install-db",
    )
    command = [
        *(found.where, "--no-defaults", f"--datadir={folder}/data", f"--socket={folder}/socket", "--skip-networking"),
        *(f"--pid-file={folder}/pid", "--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=32M"),
        *("--innodb-doublewrite=0", "--sync-binlog=0", "--performance-schema=OFF", "--innodb-lock-wait-timeout=1000"),
        *("--max-connections=40", "--innodb-purge-threads=1", *user),
    ]

    def ready() -> bool:
        try:
            _connect(str(folder / "socket"), "root", None).close()
        except pymysql.MySQLError:
            return False
        return True

    server.start(command, ready)
    return server


OWN = OwnServer(_make_server)
#: Seconds in which a connection is there, on the busiest machine.
_CONNECTS = 300


def _connect(socket: str, user: str, database: str | None, kind: Any = pymysql.connections.Connection) -> Any:
    return kind(
        unix_socket=socket,
        user=user,
        database=database,
        autocommit=False,
        charset="utf8mb4",
        connect_timeout=_CONNECTS,
    )


class Stepped(pymysql.connections.Connection):  # type: ignore[misc]
    """PyMySQL's connection; while a process is at work, all that it sends goes through the scheduler's door."""

    line: Any = None
    steps_aside = False
    touched = False
    """Something was asked since the last end of a transaction: PyMySQL doesn't keep what a SELECT says of that."""
    lines_of: Callable[[], Iterable[str]] = staticmethod(lambda: ())

    def query(self, sql: Any, unbuffered: bool = False) -> int:
        line = self.line
        if not is_at_work(line):
            return int(super().query(sql, unbuffered))
        return int(self._asks(sql if isinstance(sql, str) else sql.decode(), lambda: super(Stepped, self).query(sql)))

    def commit(self) -> None:
        self._ends("COMMIT")

    def rollback(self) -> None:
        self._ends("ROLLBACK")

    def begin(self) -> None:
        self._execute_command(COMMAND.COM_QUERY, "BEGIN")
        self._read_ok_packet()

    def autocommit(self, value: Any) -> None:
        """Sent at once: it takes no lock."""
        self.autocommit_mode = bool(value)
        if value != self.get_autocommit():
            self._send_autocommit_mode()

    def _ends(self, what: str) -> None:
        line = self.line
        if is_at_work(line):
            if line.dead:
                raise Killed
            if self.in_transaction:
                self._asks(what, super().commit if what == "COMMIT" else super().rollback)
        elif what == "COMMIT":
            super().commit()
        else:
            super().rollback()

    @property
    def in_transaction(self) -> bool:
        """Whether the server says that a transaction is open."""
        return self.touched or bool(self.server_status & SERVER_STATUS.SERVER_STATUS_IN_TRANS)

    def _asks(self, sql: str, send: Callable[[], Any]) -> Any:
        line = self.line
        if line.dead:
            raise Killed
        found = _FIRST.match(sql)
        first = found[1].upper() if found else ""
        if first in ("BEGIN", "START", "SAVEPOINT", "RELEASE"):
            return send()
        ends = {"COMMIT": "commit", "ROLLBACK": "rollback"}
        kind = ends.get(first, "read" if first in ("SELECT", "SHOW") and not _LOCKS.search(sql) else "change")
        if first == "ROLLBACK" and re.search(r"\bto\b", sql, re.I):
            kind = "change"
        lands = kind == "commit" or (kind == "change" and not self.in_transaction and self.get_autocommit())
        line.about = sql
        about_to(Statement(sql, kind, _line_of(self.lines_of()), _STICKY.search(sql) is not None, lands))
        self.steps_aside = True
        try:
            value = send()
        except pymysql.MySQLError as error:
            if line.dead:
                raise Killed from None
            line.told = Answer(error=str(error.args[0]), text=" ".join(str(error.args[-1]).split()))
            raise
        finally:
            self.steps_aside = False
        self.touched = kind not in ("commit", "rollback") and not self.get_autocommit()
        if line.dead:
            raise Killed
        line.sticky = line.sticky or _STICKY.search(sql) is not None
        line.told = self._told(kind)
        return value

    def _told(self, kind: str) -> Answer:
        result: Any = self._result
        if kind in ("commit", "rollback") or result is None:
            return Answer()
        if result.description is None:
            return Answer(None, int(result.affected_rows))
        rows = tuple(tuple("NULL" if v is None else str(v) for v in row) for row in (result.rows or ())[:50])
        return Answer(rows, len(result.rows or ()))

    def _read_bytes(self, num_bytes: int) -> Any:
        """Step aside while nothing comes."""
        if self.steps_aside and not self._rfile.peek_buffered():
            poller = select.poll()
            poller.register(self._sock, select.POLLIN)
            while not poller.poll(_SOON):
                no_answer_yet()
        return super()._read_bytes(num_bytes)

    def close(self) -> None:
        """For the consumer it is closed: what is open is rolled back. The search uses it again."""
        if is_at_work(self.line):
            self.rollback()
            return
        super().close()


class _Peeking:
    """A socket's file that knows whether it has something that was read already."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._kept = b""

    def peek_buffered(self) -> bool:
        """Whether something has come that nobody has read."""
        return bool(self._kept)

    def read(self, count: int) -> bytes:
        """As a file does."""
        found = self._kept[:count]
        self._kept = self._kept[count:]
        while len(found) < count:
            more = self._file.read1(65536)
            if not more:
                break
            found += more
        self._kept = found[count:] + self._kept
        return found[:count]

    def close(self) -> None:
        """As a file does."""
        self._file.close()


def _line_of(files: Iterable[str]) -> tuple[str, int] | None:
    known = frozenset(files)
    frame: Any = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_filename in known:
            return (frame.f_code.co_filename, frame.f_lineno)
        frame = frame.f_back
    return None


class MariaStore(Store):
    """A database of our own on a MariaDB server, at one isolation level."""

    # 1213 deadlock, 1205 lock wait timeout, 1020 record has changed since last read
    contention = frozenset({"1213", "1205", "1020"})
    limits = ("a deadlock's victim is whom InnoDB takes",)

    def __init__(
        self,
        isolation: str,
        schema: Callable[[Any], None],
        files: Callable[[], Iterable[str]],
        options: dict[str, str] | None = None,
    ) -> None:
        super().__init__()
        self.isolation, self._files, self._options = isolation, files, options or {}
        self._server = OWN.get()
        self._name = f"redelivery_{secrets.token_hex(6)}"
        self._socket = str(self._server.folder / "socket")
        try:
            admin = _connect(self._socket, "root", None)
            with admin.cursor() as cursor:
                cursor.execute(f"CREATE DATABASE {self._name} CHARACTER SET utf8mb4")
                cursor.execute("SELECT VERSION()")
                full = str(cursor.fetchone()[0])
            admin.close()
        except pymysql.MySQLError as error:
            raise EngineFailure(f"MariaDB that was started can't be used: {_one_line(error)}") from None
        atexit.register(self.close)
        self.version = full.partition("-")[0]
        self._monitor = _connect(self._socket, "root", self._name)
        self._monitor.autocommit(True)
        self.judge = _connect(self._socket, "root", self._name)
        self._run("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
        with self.judge.cursor() as cursor:
            cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
        self.judge.commit()
        self.keeps_snapshot = isolation in ("REPEATABLE READ", "SERIALIZABLE")
        self.title = f"MariaDB {self.version} at {isolation}"
        for name, value in self._options.items():
            self.title += f" with {name}={value}"
        self._resets = 0
        try:
            self._make(schema)
        except BaseException:
            self.close()
            raise

    def _make(self, schema: Callable[[Any], None]) -> None:
        connection = _connect(self._socket, "root", self._name)
        schema(connection)
        connection.commit()
        connection.close()
        names = self._run(
            "SELECT table_name, table_type, auto_increment FROM information_schema.tables WHERE table_schema = "
            f"'{self._name}' ORDER BY create_time, table_name"
        )
        self.tables = tuple(str(name) for name, kind, _ in names if "SEQUENCE" not in kind and "VIEW" not in kind)
        self._sequences = tuple(str(name) for name, kind, _ in names if "SEQUENCE" in kind)
        self._numbered = tuple(str(name) for name, kind, number in names if number is not None and name in self.tables)
        self.counts_outside = bool(self._sequences or self._numbered)
        self._run("SET SESSION foreign_key_checks = 0")
        for number, name in enumerate(self.tables):
            self._run(f"CREATE TABLE redelivery_first_{number} AS SELECT * FROM `{name}`")
        self._next_first = [self._next(name) for name in (*self._sequences, *self._numbered)]
        self._asks = []
        for name in self.tables:
            columns = self._run(
                "SELECT column_name FROM information_schema.columns WHERE table_schema = "
                f"'{self._name}' AND table_name = '{name}' ORDER BY ordinal_position"
            )
            picked = ", ".join(f"CAST(`{row[0]}` AS CHAR)" for row in columns)
            self._asks.append(f"SELECT {picked} FROM `{name}` ORDER BY 1")
        self.first = self.contents()

    def _next(self, name: str) -> int:
        if name in self._sequences:
            return int(self._run(f"SELECT next_not_cached_value FROM `{name}`")[0][0])
        return int(
            self._run(
                "SELECT auto_increment FROM information_schema.tables WHERE table_schema = "
                f"'{self._name}' AND table_name = '{name}'"
            )[0][0]
        )

    def _run(self, sql: str) -> Any:
        try:
            with self._monitor.cursor() as cursor:
                cursor.execute(sql)
                return cursor.fetchall()
        except pymysql.MySQLError as error:
            gone = not self._server.alive
            what = "ended in the middle of the search" if gone else f"failed: {_one_line(error)}"
            raise EngineFailure(f"MariaDB {what}; nothing was judged") from None

    # -- the port --------------------------------------------------------------------------------------

    def reset(self) -> None:
        self.give_all_back()
        self._resets += 1
        now = dict(self.contents())
        for number, (name, rows) in enumerate(self.first):
            if name in self.tables and now[name] != rows:
                self._run(f"DELETE FROM `{name}`")
                self._run(f"INSERT INTO `{name}` SELECT * FROM redelivery_first_{number}")
        for name, value in zip((*self._sequences, *self._numbered), self._next_first, strict=True):
            if name in self._sequences:
                self._run(f"ALTER SEQUENCE `{name}` RESTART WITH {value}")
            elif self._next(name) != value:
                self._run(f"ALTER TABLE `{name}` AUTO_INCREMENT = {value}")

    def connect(self) -> Line:
        line = Line(0, None, self)
        self._connect(line)
        return line

    def _connect(self, line: Line) -> None:
        """Give a line a connection."""
        connection = _connect(self._socket, "root", self._name, Stepped)
        connection._rfile = _Peeking(connection._rfile)
        with connection.cursor() as cursor:
            cursor.execute(f"SET SESSION TRANSACTION ISOLATION LEVEL {self.isolation}")
            cursor.execute("SET SESSION innodb_lock_wait_timeout = 100000")
            for name, value in self._options.items():
                cursor.execute(f"SET SESSION {name} = {value}")
        connection.lines_of = self._files
        line.connection, line.pid, connection.line = connection, connection.thread_id(), line

    def restore(self, line: Line) -> None:
        connection = line.connection
        if line.began_to_wait or line.sticky:  # something is under way, or left in the session
            self._run(f"KILL {line.pid}")
            with contextlib.suppress(Exception):
                connection._force_close()
            connection.line = None
            self._connect(line)
            line.began_to_wait = line.sticky = False
            self._wait_until_gone()
            return
        if connection.in_transaction:
            pymysql.connections.Connection.rollback(connection)
            connection.touched = False
        if connection.get_autocommit():
            connection.autocommit(False)

    def _wait_until_gone(self) -> None:
        """A connection that was killed is rolled back by the time that the server no longer lists it."""
        known = {line.pid for line in (*self._lines, *self._spare)} | {
            self._monitor.thread_id(),
            self.judge.thread_id(),
        }
        began = monotonic()
        while True:
            here = {
                int(row[0])
                for row in self._run(
                    "SELECT id FROM information_schema.processlist WHERE user = 'root' AND db IS NOT NULL"
                )
            }
            if here <= known:
                return
            if overdue(began):
                raise EngineFailure(f"{self.title} has not ended a connection that was killed; nothing was judged")

    def roll_back(self, line: Line) -> None:
        pymysql.connections.Connection.rollback(line.connection)
        line.connection.touched = False

    def waits_for(self, line: Line) -> bool:
        text = str(self._run("SHOW ENGINE INNODB STATUS")[0][2])
        text = text[text.find("LIST OF TRANSACTIONS FOR EACH SESSION") :]
        found = text.find(f"thread id {line.pid},")
        if found < 0:
            return False
        return "LOCK WAIT" in text[text.rfind("---TRANSACTION", 0, found) : found]

    def contents(self) -> Contents:
        found: list[tuple[str, tuple[tuple[Any, ...], ...]]] = []
        for name, sql in zip(self.tables, self._asks, strict=True):
            rows = tuple(sorted(tuple("NULL" if v is None else str(v) for v in row) for row in self._run(sql)))
            found.append((name, rows))
        found += [(f"{name} next", ((str(self._next(name)),),)) for name in (*self._sequences, *self._numbered)]
        return tuple(found)

    def in_transaction(self, line: Line) -> bool:
        return bool(line.connection.in_transaction)

    def memory_of(self, line: Line) -> Any:
        return (bool(line.connection.get_autocommit()),)

    def send_late(self, line: Line) -> Client:
        sql = line.about
        line.dead = False

        def send() -> None:
            if sql == "COMMIT":
                line.connection.commit()
            else:
                line.connection.query(sql)

        return Client(send, line, lambda error, value: error)

    def close(self) -> None:
        atexit.unregister(self.close)
        for line in [*self._lines, *self._spare]:
            line.connection.line = None
            with contextlib.suppress(Exception):
                line.connection._force_close()
        with contextlib.suppress(Exception):
            self._monitor.cursor().execute(f"DROP DATABASE IF EXISTS {self._name}")
        for connection in (self._monitor, self.judge):
            with contextlib.suppress(Exception):
                connection.close()


def _one_line(error: BaseException) -> str:
    return " ".join(str(error.args[-1] if error.args else error).split())[:300]
