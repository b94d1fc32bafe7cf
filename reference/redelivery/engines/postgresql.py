"""PostgreSQL behind the port: psycopg 3 as it is, with `Connection.wait` for the scheduler's door.

Facts (PostgreSQL 14 to 18): ``pg_blocking_pids`` says who waits for a lock. A wait looks for a deadlock once, after
``deadlock_timeout``, and whoever finds one is its victim; with ``log_lock_waits`` the server says that it has looked.
Where nobody goes on before that, the victim is always the last. Locks are released before COMMIT is answered. A
statement that a dead client had sent is carried out all the same; what it had not committed by then is rolled back
(manual, 13.3, 19.6, 19.8 and 52.2).
"""

from __future__ import annotations

import atexit
import contextlib
import re
import secrets
import select
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from time import monotonic
from typing import Any

import psycopg
from psycopg import pq

from .failure import EngineFailure
from .kinds import needed
from .port import (
    Answer,
    Client,
    Contents,
    Killed,
    Line,
    Statement,
    Store,
    Waits,
    about_to,
    is_at_work,
    no_answer_yet,
    overdue,
)
from .servers import OwnServer, Server

LEVELS = ("READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE")
#: The server is thrown away: nothing has to survive a power cut.
_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "shared_buffers": "16MB",
    "max_connections": "40",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "listen_addresses": "",
    "jit": "off",
    "bgwriter_lru_maxpages": "0",
    "deadlock_timeout": "1ms",
    "log_lock_waits": "on",
    "log_min_messages": "fatal",
    "max_parallel_workers_per_gather": "0",
}
#: Milliseconds after which a statement without an answer is asked about.
_SOON = 0.15
#: Milliseconds after which the chosen victim of a deadlock looks for one; more where the ring was not closed by then.
_VICTIM_LOOKS, _LONGER = 5, 4
#: Seconds in which a connection is there, where the address says nothing of it.
_CONNECTS = 300
#: Milliseconds after which nobody looks any more.
_NEVER = 2**31 - 1
_VACUUM_EVERY = 400
_FREE = re.compile(r"_set_\w+_gen")
_STICKY = re.compile(
    r"\b(pg_(try_)?advisory_(unlock|lock)(?!_xact)|set_config|listen|prepare|deallocate|currval|lastval)\b|^\s*set\s"
    r"|\b(temp|temporary)\s+table|\bwith\s+hold\b",
    re.IGNORECASE,
)
_LOCKS = re.compile(
    r"\bfor\s+(no\s+key\s+)?(update|share|key\s+share)\b|\b(nextval|setval)\b|\bpg_\w+\(|\block\b", re.I
)
_BEGINS = re.compile(r"\s*(begin|start)\b", re.IGNORECASE)
_COMMENT = re.compile(r"^(?:\s|--[^\n]*\n|/\*.*?\*/)+", re.DOTALL)


def kind_of(text: str) -> str:
    """What a statement does, as far as that can be told from its text; ``change`` where it can't."""
    words = _COMMENT.sub("", text).split(None, 2)
    first = words[0].rstrip(";").upper() if words else ""
    if first in ("COMMIT", "END"):
        return "commit"
    if first in ("ROLLBACK", "ABORT"):
        return "rollback"
    if first in ("SELECT", "SHOW", "VALUES") and not _LOCKS.search(text):
        return "read"
    return "change"


# -- the server ----------------------------------------------------------------------------------------------


def _make_server() -> Server:
    found = needed("postgres")
    server = Server("PostgreSQL")
    folder = server.folder
    server.run(
        [
            *(found.folder / "initdb", "-D", folder / "data", "-U", "postgres", "-A", "trust", "--no-sync"),
            *("-E", "UTF8", "--no-instructions", "--locale", "C"),
        ],
        "initdb",
    )
    command: list[Any] = [found.where, "-D", folder / "data", "-k", folder, "-p", "5432"]
    for name, value in _SETTINGS.items():
        command += ["-c", f"{name}={value}"]

    def ready() -> bool:
        try:
            psycopg.connect(_in_patience(_address(server, "postgres"))).close()
        except psycopg.OperationalError:
            return False
        return True

    server.start(command, ready)
    return server


OWN = OwnServer(_make_server)


def _address(server: Server, database: str) -> str:
    return f"host={server.folder} port=5432 user=postgres dbname={database}"


def _in_patience(address: str) -> str:
    """The address, with a time in which a connection has to be there."""
    given = psycopg.conninfo.conninfo_to_dict(address)
    return psycopg.conninfo.make_conninfo(address, connect_timeout=given.get("connect_timeout", _CONNECTS))


# -- the driver's door ---------------------------------------------------------------------------------------


class Stepped(psycopg.Connection[Any]):
    """psycopg's connection; while a process is at work, all that it sends goes through the scheduler's door."""

    line: Any = None
    lines_of: Callable[[], Iterable[str]] = staticmethod(lambda: ())

    def wait(self, gen: Any, *arguments: Any, **named: Any) -> Any:
        line = self.line
        if not is_at_work(line):
            return super().wait(gen, *arguments, **named)
        if line.dead:
            gen.close()
            raise Killed
        name = getattr(gen, "__name__", "")
        statement = None if self._goes_free(name) else self._statement(gen, name)
        if statement is not None:
            frame = gen.gi_frame.f_locals if gen.gi_frame is not None else {}
            line.about = (frame.get("query") or statement.text, frame.get("params"))
            about_to(statement)
        cursor = gen.gi_frame.f_locals.get("self") if gen.gi_frame is not None else None
        try:
            value = self._pump(gen, statement is not None)
            if line.dead:
                raise Killed
        except psycopg.Error as error:
            if line.dead:
                raise Killed from None
            if statement is not None:
                told = error.diag.message_primary or " ".join(str(error).split())
                line.told = Answer(error=error.sqlstate or "?", text=told)
            raise
        if statement is not None:
            line.sticky = line.sticky or statement.sticky
            line.told = _answer(cursor, statement)
        return value

    def _goes_free(self, name: str) -> bool:
        """What sends nothing, or takes no lock and no snapshot: BEGIN and SAVEPOINT."""
        idle = self.pgconn.transaction_status == pq.TransactionStatus.IDLE
        return name == "_enter_gen" or _FREE.fullmatch(name) is not None or (name in _ENDS and idle)

    def _statement(self, gen: Any, name: str) -> Statement | None:
        frame = gen.gi_frame.f_locals if gen.gi_frame is not None else {}
        line = _line_of(self.lines_of())
        if name in _ENDS:
            return Statement(_ENDS[name].upper(), _ENDS[name], line, lands=name == "_commit_gen")
        if name == "_exit_gen":
            block: Any = frame.get("self")
            fails = frame.get("exc_val") is not None or block.force_rollback
            if not block._outer_transaction:
                return Statement(f"ROLLBACK TO {block.savepoint_name}", "change", line) if fails else None
            failed = self.pgconn.transaction_status == pq.TransactionStatus.INERROR
            ends = "rollback" if fails else "commit"
            return Statement(ends.upper(), ends, line, lands=not fails and not failed)
        query = frame.get("query")
        text = query if isinstance(query, str) else _as_text(query, self) if query is not None else name
        params = frame.get("params")
        if params:
            text += f"   {_short(params)}"
        idle = self.pgconn.transaction_status == pq.TransactionStatus.IDLE
        kind = kind_of(text)
        lands = kind == "commit" if not idle else self._autocommit and kind == "change" and not _BEGINS.match(text)
        return Statement(text, kind, line, _STICKY.search(text) is not None, lands)

    def _pump(self, gen: Any, steps_aside: bool) -> Any:
        """Let psycopg send and receive; step aside while nothing comes."""
        try:
            wanted = next(gen)
            poller = select.poll()
            while True:
                events = (select.POLLIN if wanted & 1 else 0) | (select.POLLOUT if wanted & 2 else 0)
                poller.register(self.pgconn.socket, events)
                while not (came := poller.poll(_SOON if wanted & 1 and steps_aside else 1000)):
                    if steps_aside:
                        no_answer_yet()
                bits = came[0][1]
                got = 1 if bits & (select.POLLIN | select.POLLHUP | select.POLLERR) else 0
                got |= 2 if bits & select.POLLOUT else 0
                wanted = gen.send(got)
        except StopIteration as ended:
            return ended.value

    def close(self) -> None:
        """For the consumer it is closed: what is open is rolled back. The search uses it again."""
        if is_at_work(self.line):
            if self.pgconn.transaction_status != pq.TransactionStatus.IDLE:
                self.rollback()
            return
        super().close()


_ENDS = {"_commit_gen": "commit", "_rollback_gen": "rollback"}


def _as_text(query: Any, connection: Any) -> str:
    if isinstance(query, bytes):
        return query.decode(errors="replace")
    return str(query.as_string(connection)) if hasattr(query, "as_string") else str(query)


def _short(params: Any) -> str:
    values = list(params.values()) if isinstance(params, dict) else list(params)
    return "(" + ", ".join(map(repr, values)) + ")"


def _line_of(files: Iterable[str]) -> tuple[str, int] | None:
    """The innermost line of the user's that is under way."""
    known = frozenset(files)
    frame: Any = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_filename in known:
            return (frame.f_code.co_filename, frame.f_lineno)
        frame = frame.f_back
    return None


def _answer(cursor: Any, statement: Statement) -> Answer:
    result = getattr(cursor, "pgresult", None)
    if result is None or statement.kind in ("commit", "rollback"):
        return Answer()
    if result.status != pq.ExecStatus.TUPLES_OK:
        return Answer(None, result.command_tuples if result.command_tuples is not None else -1)
    rows = tuple(
        tuple(
            "NULL" if (v := result.get_value(i, j)) is None else _decoded(v, result, j) for j in range(result.nfields)
        )
        for i in range(min(result.ntuples, 50))
    )
    return Answer(rows, result.ntuples)


def _decoded(value: bytes, result: Any, column: int) -> str:
    return value.hex() if result.fformat(column) else value.decode(errors="replace")


# -- the store -----------------------------------------------------------------------------------------------


class PostgresStore(Store):
    """A database of our own on a PostgreSQL server, at one isolation level."""

    contention = frozenset({"40001", "40P01", "55P03"})

    def __init__(
        self, isolation: str, schema: Callable[[psycopg.Connection[Any]], None], files: Callable[[], Iterable[str]]
    ) -> None:
        """``schema`` makes what is there before the first message; ``files``: those that hold the consumer's code."""
        super().__init__()
        self.isolation = isolation
        self._files = files
        self._server, self._dsn = self._make_database()
        # Whoever only looks must not take part: at SERIALIZABLE, a reader can make others fail.
        self._monitor = self._connect("READ COMMITTED")
        self._monitor.autocommit = True
        self.judge = self._connect("READ COMMITTED")
        version = self._monitor.info.server_version
        if version < 140000:
            self.close()
            raise EngineFailure(f"PostgreSQL {version // 10000} is too old: 14 or newer is needed")
        self.version = f"{version // 10000}.{version % 10000}"
        self.title = f"PostgreSQL {self.version} at {isolation}"
        self.merges = isolation != "SERIALIZABLE"
        self.keeps_snapshot = isolation != "READ COMMITTED"
        self.can_choose = self._server is not None
        if not self.can_choose:
            self.limits = ("who of several is woken first, and who is a deadlock's victim, is left to the server",)
        self._victim_looks = _VICTIM_LOOKS
        self._resets = 0
        try:
            self._schema(schema)
        except BaseException:
            self.close()
            raise

    # -- making ----------------------------------------------------------------------------------------

    def _make_database(self) -> tuple[Server | None, str]:
        found = needed("postgres")
        self._name = f"redelivery_{secrets.token_hex(6)}"
        server: Server | None = None
        if found.how == "address":
            address = found.where
        else:
            server = OWN.get()
            address = _address(server, "postgres")
        try:
            address = _in_patience(address)
            with psycopg.connect(address, autocommit=True) as admin:
                admin.execute(
                    f"CREATE DATABASE {self._name} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'"
                )
                self._is_superuser = admin.execute("SHOW is_superuser").fetchone() == ("on",)
        except psycopg.errors.InsufficientPrivilege:
            raise EngineFailure(
                "the user of REDELIVERY_POSTGRES may not create a database, and none of the others there is touched: "
                "ALTER USER … CREATEDB, or name another user"
            ) from None
        except psycopg.Error as error:
            where = "at the address in REDELIVERY_POSTGRES" if server is None else "that was started"
            raise EngineFailure(f"PostgreSQL {where} can't be used: {_one_line(error)}") from None
        self._admin = address
        atexit.register(self.close)
        return server, psycopg.conninfo.make_conninfo(address, dbname=self._name)

    def _connect(self, isolation: str, hears_waits: bool = False) -> Stepped:
        level = isolation.lower().replace(" ", "\\ ")
        hears = " -c client_min_messages=log" if hears_waits else ""
        return Stepped.connect(
            self._dsn,
            options=f"-c default_transaction_isolation={level} -c timezone=UTC{hears}",
            prepare_threshold=None,
        )

    def _schema(self, schema: Callable[[psycopg.Connection[Any]], None]) -> None:
        with self._connect(self.isolation) as connection:
            schema(connection)
            connection.commit()
        names = self._monitor.execute(
            "SELECT c.oid::regclass::text, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE c.relkind IN ('r','p') AND NOT c.relispartition AND n.nspname NOT IN ('pg_catalog', "
            "'information_schema') AND n.nspname NOT LIKE 'pg\\_%' ORDER BY c.oid"
        ).fetchall()
        self.tables = tuple(name for name, _ in names)
        self.columns = {
            name: tuple(
                row[0]
                for row in self._monitor.execute(
                    "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 "
                    "AND NOT attisdropped ORDER BY attnum",
                    [name],
                )
            )
            for name in self.tables
        }
        self._sequences = tuple(
            row[0]
            for row in self._monitor.execute(
                "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE "
                "c.relkind = 'S' AND n.nspname NOT LIKE 'pg\\_%' ORDER BY c.oid"
            )
        )
        self.counts_outside = bool(self._sequences)
        self._monitor.execute("CREATE SCHEMA redelivery_first")
        for number, name in enumerate(self.tables):
            self._monitor.execute(f"CREATE TABLE redelivery_first.t{number} AS TABLE {name}")
        parts = [
            "(SELECT coalesce(array_agg(r ORDER BY r), '{}') FROM (SELECT "
            + (
                "ARRAY[" + ",".join(f't."{c}"::text' for c in self.columns[name]) + "]::text"
                if self.columns[name]
                else "''"
            )
            + f" AS r FROM {name} t) x)"
            for name in self.tables
        ]
        parts += [f"(SELECT ARRAY[last_value::text, is_called::text] FROM {name})" for name in self._sequences]
        self._asks_contents = ("SELECT " + ", ".join(parts)).encode() if parts else b"SELECT 1"
        if self._is_superuser:
            self._monitor.execute("SET session_replication_role = replica")
        self._parsed: dict[tuple[int, bytes], Any] = {}
        self.first = self.contents()

    # -- the port --------------------------------------------------------------------------------------

    def reset(self) -> None:
        self.give_all_back()
        self._resets += 1
        now = self.contents()
        changed = [n for n, (a, b) in enumerate(zip(now, self.first, strict=True)) if a != b]
        script = []
        tables = [n for n in changed if n < len(self.tables)]
        if tables and not self._is_superuser:
            script.append("TRUNCATE " + ", ".join(self.tables))
            tables = list(range(len(self.tables)))
        for n in tables:
            if self._is_superuser:
                script.append(f"DELETE FROM {self.tables[n]}")
            picked = ",".join(f'"{c}"' for c in self.columns[self.tables[n]])
            script.append(
                f"INSERT INTO {self.tables[n]} ({picked}) OVERRIDING SYSTEM VALUE SELECT * FROM redelivery_first.t{n}"
            )
        for n in changed:
            if n >= len(self.tables):
                value, called = self.first[n][1][0]
                script.append(f"SELECT setval('{self._sequences[n - len(self.tables)]}', {value}, {called})")
        if script:
            self._raw("; ".join(script).encode())
        if self._resets % _VACUUM_EVERY == 0:
            for name in self.tables:
                self._raw(f"VACUUM {name}".encode())

    def _raw(self, script: bytes) -> Any:
        result = self._monitor.pgconn.exec_(script)
        if result.status not in (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK):
            raise self._died(result.error_message.decode(errors="replace"))
        return result

    def _died(self, text: str) -> EngineFailure:
        gone = self._server is not None and not self._server.alive
        what = "ended in the middle of the search" if gone or not text else f"failed: {' '.join(text.split())[:300]}"
        return EngineFailure(f"PostgreSQL {what}; nothing was judged")

    def open(self, number: int) -> Line:
        line = super().open(number)
        if self.victim is not None:
            looks = self._victim_looks if number == self.victim else _NEVER
            self._send(line, f"SET deadlock_timeout = '{looks}ms'".encode())
            line.sticky = True  # so that it is taken back
        return line

    def connect(self) -> Line:
        try:
            connection = self._connect(self.isolation, hears_waits=self.can_choose)
        except psycopg.Error as error:
            raise self._died(_one_line(error)) from None
        connection.lines_of = self._files
        line = Line(0, connection, self, connection.info.backend_pid)
        connection.line = line
        heard = connection.pgconn.notice_handler

        def hear(result: Any) -> None:
            """The server says so of each wait, once it has looked whether a ring is closed (``log_lock_waits``)."""
            if result.error_field(pq.DiagnosticField.SEVERITY_NONLOCALIZED) != b"LOG":
                if heard is not None:
                    heard(result)
            elif b" still waiting for " in (result.error_field(pq.DiagnosticField.MESSAGE_PRIMARY) or b""):
                line.looked = True

        connection.pgconn.notice_handler = hear
        return line

    def restore(self, line: Line) -> None:
        connection = line.connection
        pgconn = connection.pgconn
        if pgconn.transaction_status == pq.TransactionStatus.ACTIVE:
            self._monitor.execute("SELECT pg_cancel_backend(%s)", [line.pid])
            while pgconn.transaction_status == pq.TransactionStatus.ACTIVE and pgconn.get_result() is not None:
                pass
            while pgconn.get_result() is not None:
                pass
        if pgconn.transaction_status != pq.TransactionStatus.IDLE:
            self._send(line, b"ROLLBACK")
        if line.sticky:
            self._send(line, b"DISCARD ALL")
            line.sticky = False
        if pgconn.pipeline_status:
            pgconn.exit_pipeline_mode()
        fresh = {"_autocommit": False, "_isolation_level": None, "_read_only": None, "_deferrable": None}
        for name, value in fresh.items():
            setattr(connection, name, value)
        connection._begin_statement = b""
        connection._num_transactions = 0
        connection._pipeline = None
        connection.row_factory = psycopg.rows.tuple_row
        connection.cursor_factory = psycopg.Cursor
        connection.lock = threading.Lock()
        connection._closed = False

    def _send(self, line: Line, text: bytes) -> None:
        result = line.connection.pgconn.exec_(text)
        if result.status not in (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK):
            raise self._died(result.error_message.decode(errors="replace"))

    def waits_for(self, line: Line) -> bool:
        result = self._raw(b"SELECT pg_blocking_pids(%d) <> '{}'" % line.pid)
        return bool(result.get_value(0, 0) == b"t")

    def contents(self) -> Contents:
        result = self._raw(self._asks_contents)
        found = []
        if not self.tables and not self._sequences:
            return ()
        for n, name in enumerate((*self.tables, *self._sequences)):
            value = result.get_value(0, n)
            key = (n, value)
            if key not in self._parsed:
                rows = _array(value.decode())
                if n < len(self.tables):
                    self._parsed[key] = tuple(tuple(_array(row)) for row in rows)
                else:
                    self._parsed[key] = (tuple(rows),)
            found.append((name, self._parsed[key]))
        return tuple(found)

    def in_transaction(self, line: Line) -> bool:
        return bool(line.connection.pgconn.transaction_status != pq.TransactionStatus.IDLE)

    def roll_back(self, line: Line) -> None:
        self._send(line, b"ROLLBACK")
        line.connection._num_transactions = 0

    def ask(self, client: Client, others: Sequence[Client] = ()) -> Answer | Waits:
        told = super().ask(client, others)
        if client.line.connection.pgconn.status == pq.ConnStatus.BAD:
            raise self._died("")
        return told

    def memory_of(self, line: Line) -> Any:
        c = line.connection
        return (c._autocommit, c._isolation_level, c._read_only, c._deferrable, id(c.row_factory))

    def before_asking(self, client: Client, others: Sequence[Client]) -> None:
        if isinstance(client.asks, Statement) and client.asks.kind in ("commit", "rollback"):
            return
        self.before_stopping([other for other in others if other.waits])

    def before_stopping(self, waiting: Sequence[Client]) -> None:
        """Each wait has looked for a deadlock: one that did so later would find itself in a ring that others closed."""
        if self.victim is not None or not self.can_choose:
            return
        began = monotonic()
        for other in waiting:
            while other.look() and not other.line.looked:
                if overdue(began):
                    raise EngineFailure(
                        f"{self.title} has not said whether a wait closes a ring: does the consumer set "
                        "client_min_messages? Nothing was judged"
                    )

    def in_ring(self, line: Line) -> bool:
        if not any(other.began_to_wait for other in self._lines if other is not line):
            return False  # a ring has two that wait; asking for it is most of what a search asks
        seen: set[int] = set()
        todo = [line.pid]
        while todo:
            result = self._raw(b"SELECT unnest(pg_blocking_pids(%d))" % todo.pop())
            blockers = {int(result.get_value(row, 0) or 0) for row in range(result.ntuples)}
            todo += blockers - seen
            seen |= blockers
        return line.pid in seen

    def more_time_for_rings(self) -> None:
        self._victim_looks *= _LONGER

    def send_late(self, line: Line) -> Client:
        query, params = line.about
        line.dead = False
        line.connection._num_transactions = 0
        line.connection.lock = threading.Lock()

        def send() -> None:
            line.connection.execute(query, params)

        return Client(send, line, lambda error, value: error)

    def close(self) -> None:
        atexit.unregister(self.close)
        for line in [*getattr(self, "_lines", ()), *getattr(self, "_spare", ())]:
            line.connection.line = None
            with contextlib.suppress(Exception):
                line.connection.pgconn.finish()
        for name in ("judge", "_monitor"):
            with contextlib.suppress(Exception):
                getattr(self, name).close()
        with (
            contextlib.suppress(psycopg.Error),
            psycopg.connect(self._admin, autocommit=True) as admin,
        ):
            admin.execute(f"DROP DATABASE IF EXISTS {self._name} WITH (FORCE)")


def _array(text: str) -> list[str]:
    """The values of PostgreSQL's text form of an array of texts."""
    values: list[str] = []
    position, end = 1, len(text) - 1
    while position < end:
        if text[position] == '"':
            position += 1
            found = []
            while text[position] != '"':
                if text[position] == "\\":
                    position += 1
                found.append(text[position])
                position += 1
            values.append("".join(found))
            position += 2
        else:
            stop = text.find(",", position, end)
            stop = end if stop < 0 else stop
            values.append(text[position:stop])
            position = stop + 1
    return values


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]
