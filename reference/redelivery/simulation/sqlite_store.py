"""A real SQLite database with one real connection a process, and waiting decided by the schedule.

SQLite is asked with a time-out of 0, so that a lock never makes the simulation wait: what SQLite itself refuses
at once is an error, what it would wait for is `Blocked`, and the schedule says how long.

What SQLite waits for, and what it refuses at once (btree.c, ``sqlite3BtreeBeginTrans``: the busy handler is
called only while no transaction is open on this connection; pager.c, ``pager_wait_on_lock`` for COMMIT)::

    BEGIN; SELECT …            BEGIN; INSERT …            BEGIN; INSERT …; COMMIT
    INSERT … against a writer  against a writer           against a reader (rollback journal)
    → refused at once          → waits                    → waits, and keeps new readers out

Were the first one left waiting, two transactions that have read and want to write would wait for each other
for ever.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal, NamedTuple

from .chance import Identity, bits_counted, drawn, whole_number
from .operations import UNSUPPORTED, SqlFailure, SqlResult, SqlStatement, Value
from .sqlite_statements import NOTHING, READS, WRITES, Statement, StatementAnalyser

Journal = Literal["wal", "rollback"]
#: Lock levels, lowest first. PENDING: a COMMIT that waits for readers and keeps new ones out. EXCLUSIVE: there is no
#: reader, so that a COMMIT waits for none.
NO_LOCK, READ_LOCK, WRITE_LOCK, PENDING_LOCK, EXCLUSIVE_LOCK = 0, 1, 2, 3, 4

#: The moment at which all runs take place, for SQLite's date functions.
NOW = "2026-01-01 09:00:00"
_CURRENT = {"current_timestamp": slice(None), "current_date": slice(10), "current_time": slice(11, None)}
_TIME_FUNCTIONS = ("date", "time", "datetime", "julianday", "strftime", "unixepoch")
_OPCODES_BEFORE_STOP = 500_000
_OPCODES_A_TICK = 50_000
#: What one statement may ask for: rows and pages are held in this process, whoever wrote the statement.
_MOST_PAGES = 4096
_LIMITS = ((sqlite3.SQLITE_LIMIT_LENGTH, 10_000_000), (sqlite3.SQLITE_LIMIT_ATTACHED, 0))
Schema = tuple[str, ...]
"""The statements that make it, those of tables before those of indexes, views and triggers."""
#: Sets ``last_insert_rowid()`` to the second value, and ``changes()`` to the number of values from the first on.
_CHANGE_SOME_ROWS = """
INSERT OR REPLACE INTO redelivery_rowid
WITH RECURSIVE upto (n) AS (SELECT ?1 UNION ALL SELECT n + 1 FROM upto WHERE n < ?2) SELECT n FROM upto
"""
_ORDER = {"table": 0, "index": 1, "view": 1, "trigger": 2}


class Transaction(NamedTuple):
    """What a connection holds, as far as others or its own next statement can notice.

    ``snapshot`` is the number of the contents that an open WAL transaction sees (-1: none taken);
    ``stale``: somebody committed since, so that writing is refused (SQLITE_BUSY_SNAPSHOT).
    ``moments``: when its writes looked at the clock, as (which write, milliseconds). What they wrote is seen by nobody
    before the COMMIT, and no answer tells it; without this, two runs would be taken for one::

        INSERT … CURRENT_TIMESTAMP → 1 row   @ time passes   COMMIT
        @ time passes   INSERT … CURRENT_TIMESTAMP → 1 row   COMMIT
    """

    open: bool = False
    lock: int = NO_LOCK
    snapshot: int = -1
    stale: bool = False
    moments: tuple[tuple[int, int], ...] = ()


CLOSED = Transaction()


class Past(NamedTuple):
    """What a connection still knows of earlier deliveries: ``last_insert_rowid()``, ``changes()``, the sum of all
    changes, and the flags that are not what they were when it was opened."""

    rowid: int = 0
    changes: int = 0
    total: int = 0
    flags: tuple[tuple[str, int], ...] = ()


NO_PAST = Past()
#: The flags of a connection that a handler can set, as sqlite-utils opens one.
_FLAGS = {"foreign_keys": 0, "recursive_triggers": 1, "case_sensitive_like": 0, "legacy_alter_table": 0}
_PRAGMA = re.compile(r"\s*PRAGMA\s+(?:main\s*\.\s*)?(\w+)\s*[=(]\s*['\"]?(\w+)", re.IGNORECASE)
_VALUES = {"on": 1, "yes": 1, "true": 1, "off": 0, "no": 0, "false": 0}


def sets_flag(sql: str) -> bool:
    """Whether a statement sets a flag that its connection keeps."""
    found = _PRAGMA.match(sql)
    return found is not None and found[1].lower() in _FLAGS


def flags_after(flags: tuple[tuple[str, int], ...], sql: str, in_transaction: bool) -> tuple[tuple[str, int], ...]:
    """The flags of a connection, as in `Past`, after a statement that sets one."""
    found = _PRAGMA.match(sql)
    assert found is not None
    name, text = found[1].lower(), found[2].lower()
    if name == "foreign_keys" and in_transaction:
        return flags  # "a no-op within a transaction": https://sqlite.org/pragma.html#pragma_foreign_keys
    value = _VALUES.get(text, int(text) if text.isdecimal() else 0)
    rest = {**dict(flags), name: min(value, 1)}
    return tuple(sorted((name, value) for name, value in rest.items() if value != _FLAGS[name]))


class Blocked(NamedTuple):
    """The statement waits for a lock."""


class Outcome(NamedTuple):
    """What carrying out one statement did."""

    told: SqlResult | SqlFailure | None
    """None: the process waits for a lock."""
    transaction: Transaction
    committed: bool = False
    """The committed contents may have changed."""


Contents = tuple[tuple[str, tuple[tuple[Value, ...], ...]], ...]


def _scratch_folder() -> str | None:
    memory = "/dev/shm"
    return memory if os.path.isdir(memory) and os.access(memory, os.W_OK) else None


class _Session:
    """One process's connection."""

    __slots__ = (
        "answer",
        "base",
        "connection",
        "ddl",
        "flags",
        "has_past",
        "moments",
        "rowid",
        "savepoints",
        "started_by_savepoint",
        "transaction",
        "writes",
        "wrote",
    )

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.transaction = CLOSED
        self.savepoints: list[tuple[str, int]] = []  # name, and how much of `ddl` came before
        self.ddl: list[str] = []  # changes of the schema in this transaction
        self.base: tuple[str, ...] | None = None  # the schema that this transaction started from
        self.started_by_savepoint = False
        self.writes = 0  # statements that wrote in this transaction
        self.moments: tuple[tuple[int, int], ...] = ()  # see `Transaction`
        self.answer: SqlResult | None = None  # of an autocommit write whose commit is still waiting
        self.flags = False  # a PRAGMA was set in this delivery
        self.wrote = False  # the connection has written in this delivery
        self.has_past = False  # it wrote in an earlier one, which changes() and last_insert_rowid() would tell
        self.rowid = 0  # last_insert_rowid(), as a new connection would have it


class SqliteStore:
    """One database file, its sessions, and its committed contents by number.

    ``prepare`` fills a new database (schema and first rows). Sessions are named by any hashable value.
    Contents are numbered in the order in which they are first seen; number 0 is what ``prepare`` left.
    """

    def __init__(
        self,
        prepare: Callable[[sqlite3.Connection], None],
        journal: Journal,
        schema_changes: bool = False,
        changing: frozenset[Schema] | None = None,
    ) -> None:
        self.journal: Journal = journal
        self.schema_changed = schema_changes
        """Whether a handler has changed the schema, which makes reading the schema a step of its own."""
        self.changing = changing
        """The schemas that somebody may change, if they are known: reading any other is then no step."""
        self.found_changing: Schema | None = None
        """One that is not among them, and was changed."""
        self._copies: dict[Schema, sqlite3.Connection] = {}
        """For each schema that has been current a copy of the database."""
        self._folder = tempfile.mkdtemp(prefix=f"redelivery-store-{os.getpid()}-", dir=_scratch_folder())
        self._file = Path(self._folder) / "run.db"
        self._sessions: dict[Any, _Session] = {}
        self._numbers: dict[Any, int] = {}
        self._contents: list[Contents] = []
        self._schemas: list[tuple[str, ...]] = []
        self._unnumbered: Contents = ()
        self.now = 0
        """Milliseconds since `NOW`, for SQLite's date functions."""
        self.clock_read = False
        """Whether a statement has looked at the time."""
        self._looked = False
        self.looked_back = False
        """Whether a statement has asked for what its connection did in earlier deliveries, or is known to."""
        self.read_on = False
        """A transaction has read, and not written before."""
        self.drew = False
        """Whether a statement has drawn random numbers."""
        self._draws_for: tuple[Identity, int] = (Identity(-1, 0), 0)
        self._draws = self._bits_drawn = 0
        self._helper = sqlite3.connect(":memory:")
        self._analysers: dict[tuple[str, ...], StatementAnalyser] = {}
        self._executed = 0
        self._ticks = (0, 0)
        self._observer = self._connect()
        try:
            prepare(self._observer)
        except BaseException:
            self._observer.close()
            self._helper.close()
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        if self._observer.in_transaction:
            self._observer.execute("COMMIT")
        self._commits = 0
        self._read_schema()
        self._keep_first_copy()
        self.current = self.number_contents()
        self._current_schema = self._schemas[0]

    # -- life ------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Close every connection and remove the file."""
        for session in self._sessions.values():
            session.connection.close()
        for connection in [self._observer, self._first, self._helper, *self._copies.values()]:
            connection.close()
        for analyser in self._analysers.values():
            analyser.close()
        self._sessions.clear()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> SqliteStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _connect(self) -> sqlite3.Connection:
        uri = f"{self._file.as_uri()}?vfs=unix-excl"
        connection = sqlite3.connect(
            uri,
            uri=True,
            timeout=0,
            isolation_level=None,
            check_same_thread=False,
            # A statement compiled against an older schema takes the lock that it needed then.
            cached_statements=0 if self.schema_changed else 256,
        )
        connection.execute(f"PRAGMA journal_mode={'wal' if self.journal == 'wal' else 'memory'}")
        connection.execute("PRAGMA synchronous=off")
        connection.execute("PRAGMA wal_autocheckpoint=0")
        connection.execute("PRAGMA recursive_triggers=on")  # as sqlite_utils.Database does
        connection.execute("PRAGMA temp_store=memory")
        connection.execute("CREATE TEMP TABLE redelivery_rowid (n INTEGER PRIMARY KEY)")
        for name in _TIME_FUNCTIONS:
            connection.create_function(name, -1, self._at_the_moment(name), deterministic=True)
        for name, place in _CURRENT.items():
            connection.create_function(name, 0, lambda place=place: self._moment()[place])
        connection.create_function("random", 0, self._random)
        connection.create_function("randomblob", 1, self._random_blob)
        connection.execute(f"PRAGMA max_page_count={_MOST_PAGES}")
        for limit, most in _LIMITS:
            connection.setlimit(limit, most)
        connection.set_progress_handler(self._tick, _OPCODES_A_TICK)
        return connection

    def _tick(self) -> bool:
        """Called by SQLite every so many opcodes: True stops the statement."""
        if self._ticks[0] != self._executed:
            self._ticks = (self._executed, 0)
        self._ticks = (self._executed, self._ticks[1] + 1)
        return self._ticks[1] > _OPCODES_BEFORE_STOP // _OPCODES_A_TICK

    def draws_for(self, who: Identity, depth: int) -> None:
        """Whose random numbers the next statement draws, the ``depth``-th operation of its delivery."""
        self._draws_for = (who, depth)

    def _serial(self) -> str:
        self.drew = True
        self._draws += 1
        return f"{self._draws_for[1]}, {self._draws}"

    def _random(self) -> int:
        return whole_number(self._draws_for[0], self._serial())

    def _random_blob(self, length: Value) -> bytes:
        """As SQLite's own: at least one byte, whatever it is asked for."""
        row: tuple[int] = self._helper.execute("SELECT CAST(? AS INTEGER)", (length,)).fetchone()
        count = max(row[0] or 0, 1)
        if count > _LIMITS[0][1]:
            raise sqlite3.DataError("string or blob too big")
        before, self._bits_drawn = self._bits_drawn, self._bits_drawn + bits_counted(8 * count)
        return drawn(self._draws_for[0], count, self._serial(), before)

    def _moment(self) -> str:
        """The present moment of the world."""
        self.clock_read = self._looked = True
        moment = datetime.datetime.fromisoformat(NOW) + datetime.timedelta(milliseconds=self.now)
        return moment.isoformat(" ", timespec="seconds" if self.now % 1000 == 0 else "milliseconds")

    def _at_the_moment(self, name: str) -> Callable[..., Value]:
        """SQLite's own date function, with 'now' replaced by the simulated moment."""
        helper = self._helper

        def function(*arguments: Value) -> Value:
            first = 1 if name == "strftime" else 0
            given = [self._moment() if isinstance(a, str) and a.lower() == "now" else a for a in arguments]
            if len(given) == first:
                given.append(self._moment())
            marks = ",".join("?" * len(given))
            row: tuple[Value] = helper.execute(f"SELECT {name}({marks})", given).fetchone()
            return row[0]

        return function

    # -- contents --------------------------------------------------------------------------------------

    def _read_schema(self) -> None:
        rows = self._observer.execute(
            "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid"
        ).fetchall()
        ordered = sorted(rows, key=lambda row: _ORDER[row[0]])
        self._current_schema = tuple(row[2] for row in ordered)
        self._has_triggers = any(row[0] == "trigger" for row in rows)
        self._analyser_schema = tuple(row[2] for row in ordered if not row[1].startswith("sqlite_"))
        self._analyser = self._analyser_for(self._analyser_schema)
        if self.changing is not None and self._analyser_schema not in self._copies:
            self._copies[self._analyser_schema] = self.copy()
        self._dumps: list[tuple[str, str]] = []
        self._refills: dict[str, tuple[str, str]] = {}
        for kind, name, sql in rows:
            if kind != "table" or (name.startswith("sqlite_") and name != "sqlite_sequence"):
                continue
            info = self._observer.execute("SELECT name, type, pk FROM pragma_table_info(?)", (name,)).fetchall()
            columns = [column[0] for column in info]
            keys = [column for column in sorted(info, key=lambda c: c[2]) if column[2]]
            has_rowid = not _without_rowid(sql)
            alias = len(keys) == 1 and keys[0][1].upper() == "INTEGER" and has_rowid
            picked = [_quote(column) for column in columns]
            if has_rowid and not alias:
                hidden = next((r for r in ("rowid", "_rowid_", "oid") if r not in map(str.lower, columns)), None)
                picked = ([hidden] if hidden else []) + picked
            order_by = picked[0] if has_rowid and not alias else ", ".join(_quote(k[0]) for k in keys)
            self._dumps.append((name, f"SELECT {', '.join(picked)} FROM {_quote(name)} ORDER BY {order_by}"))
            self._refills[name] = (
                f"DELETE FROM {_quote(name)}",
                f"INSERT INTO {_quote(name)} ({', '.join(picked)}) VALUES ({','.join('?' * len(picked))})",
            )

    def _keep_first_copy(self) -> None:
        self._first = sqlite3.connect(":memory:", check_same_thread=False)
        self._observer.backup(self._first)

    def copy(self) -> sqlite3.Connection:
        """The committed database as it is now, in memory."""
        copy = sqlite3.connect(":memory:", check_same_thread=False)
        self._observer.backup(copy)
        return copy

    def read(self, connection: sqlite3.Connection | None = None) -> Contents:
        """All rows of all tables, as ``connection`` (by default: an outside observer) sees them now."""
        if connection is None:
            connection = self._observer
        factory, connection.text_factory = connection.text_factory, _as_text
        try:
            found = []
            for name, sql in self._dumps:
                # An older snapshot, or a transaction that has dropped a table, may not have them all.
                with contextlib.suppress(sqlite3.OperationalError) if self.schema_changed else contextlib.nullcontext():
                    found.append((name, tuple(connection.execute(sql).fetchall())))
            return tuple(found)
        finally:
            connection.text_factory = factory

    def number_contents(self) -> int:
        """The number of the committed contents as they are now."""
        contents = self.read()
        key: Any = (contents, self._current_schema) if self.schema_changed else contents
        key = exact(key)
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self._contents)
            self._contents.append(contents)
            self._schemas.append(self._current_schema)
        self.current = number
        return number

    def schema_of(self, number: int) -> Schema | None:
        """The schema of the contents with this number; None where reading it depends on nothing."""
        return None if self.changing is None else self._schemas[number]

    def contents(self, number: int) -> Contents:
        """The contents with this number."""
        return self._contents[number]

    def seen_by(self, name: Any) -> Contents | None:
        """What the session ``name`` sees inside its open transaction; None when it has read nothing yet."""
        session = self._sessions.get(name)
        if session is None or session.transaction.lock == NO_LOCK:
            return None
        return self.read(session.connection)

    def holds(self, contents: Contents) -> None:
        """What is committed now, without a number; the next `restore` starts from it."""
        self.current, self._unnumbered = -1, contents

    def restore(self, number: int) -> None:
        """End every session and make the committed contents those with this number."""
        for session in self._sessions.values():
            self._clean(session)
        self._commits += 1
        if self._commits > 500 and self.journal == "wal":
            self._observer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._commits = 0
        if number == self.current:
            return
        if self._schemas[number] != self._current_schema:
            self._restore_by_copy(number)
            return
        wanted = self._contents[number]
        present = self._unnumbered if self.current < 0 else self._contents[self.current]
        execute = self._observer.execute
        if self._has_triggers:
            self._restore_by_copy(number)
            return
        execute("BEGIN IMMEDIATE")
        for (name, rows), (_, others) in zip(wanted, present, strict=True):
            if rows != others or exact(rows) != exact(others):
                delete, insert = self._refills[name]
                execute(delete)
                _insert(self._observer, insert, rows)
        execute("COMMIT")
        self.current = number

    def _restore_by_copy(self, number: int) -> None:
        """The slow way, for changed schemas and for tables whose triggers an undo would fire."""
        names = list(self._sessions)
        for session in self._sessions.values():
            session.connection.close()
        self._sessions.clear()
        # A copy replaces pages under the feet of other connections, hence none is left open.
        copy = sqlite3.connect(":memory:", isolation_level=None)
        schema = self._schemas[number]
        for sql in schema:
            if not sql.lower().lstrip().startswith("create trigger") and "sqlite_sequence" not in sql:
                copy.execute(sql)
        for name, rows in sorted(self._contents[number], key=lambda table: table[0] == "sqlite_sequence"):
            if name == "sqlite_sequence":  # which the tables before it have filled
                copy.execute("DELETE FROM sqlite_sequence")
            if rows:
                marks = ",".join("?" * len(rows[0]))
                _insert(copy, self._insert_for(copy, name, marks), rows)
        for sql in schema:
            if sql.lower().lstrip().startswith("create trigger"):
                copy.execute(sql)
        copy.backup(self._observer)
        copy.close()
        if self.journal == "wal":
            self._observer.execute("PRAGMA journal_mode=wal")
        self._read_schema()
        self.current = number
        self.open(names)

    def _insert_for(self, copy: sqlite3.Connection, name: str, marks: str) -> str:
        info = copy.execute("SELECT name, type, pk FROM pragma_table_info(?)", (name,)).fetchall()
        columns = [_quote(column[0]) for column in info]
        if marks.count("?") == len(columns) + 1:
            hidden = next(r for r in ("rowid", "_rowid_", "oid") if _quote(r) not in map(str.lower, columns))
            columns = [hidden, *columns]
        return f"INSERT INTO {_quote(name)} ({', '.join(columns)}) VALUES ({marks})"

    # -- sessions --------------------------------------------------------------------------------------

    def open(self, names: Iterable[Any]) -> None:
        """Connect sessions before anything happens: while a COMMIT waits, a new connection can't be made ready."""
        for name in names:
            if name not in self._sessions:
                self._sessions[name] = _Session(self._connect())

    def begin(self, name: Any, rowid: int = 0, past: Past = NO_PAST) -> None:
        """A process starts on a delivery: of what its connection did before, it knows its ``past``, and no more.
        ``rowid``: what it inserted last, where it is in the middle of its delivery already."""
        session = self._sessions.get(name)
        if session is None:
            session = self._sessions[name] = _Session(self._connect())
        else:
            self._clean(session)
        session.has_past = session.has_past or session.wrote
        session.wrote = False
        session.rowid = rowid
        if past[:3] != NO_PAST[:3] or (self.looked_back and session.has_past):
            self._set_past(session, past)
        if session.flags or past.flags:
            execute = session.connection.execute
            execute("PRAGMA defer_foreign_keys=off")
            for flag, value in {**_FLAGS, **dict(past.flags)}.items():
                execute(f"PRAGMA {flag}={value}")
            session.flags = past.flags != ()

    @staticmethod
    def _set_past(session: _Session, past: Past) -> None:
        """Make changes() and last_insert_rowid() what they are on a connection with this past."""
        bounds = (past.rowid - max(past.changes, 1) + 1, past.rowid)
        session.connection.execute(_CHANGE_SOME_ROWS, bounds)
        if past.changes == 0:
            session.connection.execute("DELETE FROM redelivery_rowid WHERE 0")
        session.has_past = False

    def end(self, name: Any) -> None:
        """A process is done with a delivery, or killed: what it left open is rolled back."""
        session = self._sessions.get(name)
        if session is not None:
            self._clean(session)

    def _clean(self, session: _Session) -> None:
        if session.connection.in_transaction:
            session.connection.execute("ROLLBACK")
        session.answer = None
        self._forget_transaction(session)

    @staticmethod
    def _forget_transaction(session: _Session) -> None:
        session.transaction = CLOSED
        session.savepoints.clear()
        session.writes, session.moments = 0, ()
        session.started_by_savepoint = False
        session.ddl.clear()
        session.base = None

    def transaction(self, name: Any) -> Transaction:
        """What the session holds."""
        session = self._sessions.get(name)
        return CLOSED if session is None else session.transaction

    # -- statements ------------------------------------------------------------------------------------

    def _analyser_for(self, schema: tuple[str, ...]) -> StatementAnalyser:
        analyser = self._analysers.get(schema)
        if analyser is None:
            analyser = self._analysers[schema] = StatementAnalyser(schema)
        return analyser

    def _analyse(self, session: _Session, request: SqlStatement) -> Statement:
        """What the statement would do in the schema that this session sees."""
        if session.base is None:
            return self._analyser.analyse(request)
        return self._analyser_for((*session.base, *session.ddl)).analyse(request)

    def statement_for(self, name: Any, request: SqlStatement) -> Statement:
        """What is known of a statement before session ``name`` carries it out."""
        return self._analyse(self._sessions[name], request)

    def readable(self) -> bool:
        """Whether an outside observer can read now: nobody waits in a COMMIT, keeping readers out."""
        return all(session.transaction.lock < PENDING_LOCK for session in self._sessions.values())

    def leaves_traces(self, request: SqlStatement, strict: bool) -> bool:
        """Whether a connection remembers this statement: flags set; if ``strict``, rows changed, too."""
        statement = self._analyser.analyse(request)
        return statement.sets_flag or (strict and statement.needs == WRITES)

    def asks_connection(self, request: SqlStatement) -> bool:
        """Whether what a statement gives depends on what its connection did before."""
        return self._analyser.analyse(request).asks_connection

    def takes_a_step(self, name: Any, request: SqlStatement) -> bool:
        """Whether others can notice this statement, or it them; if not, it needs no step of its own.

        Free are: what touches no table; BEGIN (deferred) and SAVEPOINT, which take no lock; ROLLBACK TO and an
        inner RELEASE, which release none; reading a schema that nobody changes, except where it is the first
        read of a transaction and so takes its snapshot; and the end of a transaction that holds nothing (in WAL:
        nothing but a snapshot).
        """
        session = self._sessions[name]
        statement = self._analyse(session, request)
        held = session.transaction
        if statement.unsupported:
            return False
        if statement.action:
            return self._ends_or_locks(session, statement)
        if statement.needs == NOTHING:
            return False
        if statement.schema_only and self._stays(session):
            return held.open and held.lock == NO_LOCK
        return True

    def _stays(self, session: _Session) -> bool:
        """Whether nobody changes the schema that this session sees: it may as well be read at any other time."""
        if not self.schema_changed:
            return True
        return self.changing is not None and (session.base or self._analyser_schema) not in self.changing

    def _ends_or_locks(self, session: _Session, statement: Statement) -> bool:
        held = session.transaction
        action = statement.action
        if action == "begin":
            return statement.needs > NOTHING  # inside a transaction it fails, but only with the lock in hand
        if action in ("savepoint", "rollback to"):
            return False
        if action == "release" and not self._is_outermost(session, statement.savepoint):
            return False
        return held.lock > (READ_LOCK if self.journal == "wal" else NO_LOCK)

    @staticmethod
    def _is_outermost(session: _Session, savepoint: str | None) -> bool:
        names = [name for name, _ in session.savepoints]
        return session.started_by_savepoint and savepoint in names and savepoint not in names[1:]

    def execute(self, name: Any, request: SqlStatement) -> Outcome:
        """Carry out one statement for the session ``name``."""
        session = self._sessions[name]
        statement = self._analyse(session, request)
        before = session.transaction
        connection = session.connection
        if statement.unsupported:
            text = UNSUPPORTED + statement.unsupported
            return Outcome(SqlFailure("NotSupportedError", text, 1, "SQLITE_ERROR", before.open), before)
        if session.answer is not None:
            return self._finish_waiting_commit(session, before)
        self._executed += 1
        if self.schema_changed and before.lock == NO_LOCK:
            self._refresh_schema(session)
        if statement.schema_only and not before.open and self._stays(session):  # needs no lock
            connection = self._copies[self._analyser_schema] if self.schema_changed else self._first
        if statement.asks_connection:
            if (statement.asks_changes and not session.wrote) or (statement.asks_rowid and not session.rowid):
                self.looked_back = True
            if session.has_past and not session.wrote:
                self._set_past(session, NO_PAST)
        parameters: Any = dict(request.parameters) if request.named else request.parameters
        self._looked = False
        self._draws = self._bits_drawn = 0
        changed_before = connection.total_changes
        try:
            cursor = connection.execute(request.sql, parameters)
            rows = tuple(cursor.fetchall())
        except (sqlite3.Error, sqlite3.Warning, OverflowError, UnicodeError) as error:
            return self._failed(session, statement, request, error)
        if statement.sets_flag:
            session.flags = True
        now_open = session.connection.in_transaction
        rowcount = cursor.rowcount
        if statement.needs == WRITES and not statement.action:
            session.wrote = True
            if statement.asks_connection or (rowcount > 0 and statement.keyword in ("INSERT", "REPLACE")):
                session.rowid = cursor.lastrowid or 0
        description = cursor.description
        told = SqlResult(
            rows,
            tuple(column[0] for column in description) if description else None,
            rowcount,
            session.rowid,
            now_open,
            connection.total_changes - changed_before,
        )
        if statement.action:
            self._track_savepoints(session, statement, now_open)
        lock = before.lock
        if statement.changes_schema:
            self.schema_changed = True
            if now_open:
                session.base = session.base or self._analyser_schema
                session.ddl.append(request.sql)
        if not now_open:
            wrote = lock >= WRITE_LOCK or (not before.open and statement.needs == WRITES)
            self._forget_transaction(session)
            committed = wrote and statement.action != "rollback"
            if committed and self.schema_changed:
                self._schema_may_have_changed()
            return Outcome(told, CLOSED, committed)
        if statement.needs == WRITES:
            lock = max(lock, WRITE_LOCK)
            if statement.exclusive and self.journal == "rollback":
                lock = EXCLUSIVE_LOCK
            self._note_moment(session)
        elif statement.needs == READS:
            lock = max(lock, READ_LOCK)
        return Outcome(told, self._holding(session, before, lock))

    def _note_moment(self, session: _Session) -> None:
        """A statement has written; did it look at the clock?"""
        session.writes += 1
        if self._looked:
            session.moments = (*session.moments, (session.writes, self.now))

    def _refresh_schema(self, session: _Session) -> None:
        """Let the connection notice what others did to the schema, so that what a statement does depends on the
        database alone and not on what this connection happens to have read of it before."""
        execute = session.connection.execute
        began = session.connection.in_transaction
        if began:
            execute("ROLLBACK")
        with contextlib.suppress(sqlite3.OperationalError):
            execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall()
        if began and not session.started_by_savepoint:
            execute("BEGIN")
        for name, _ in session.savepoints:
            execute(f"SAVEPOINT {_quote(name)}")

    def _holding(self, session: _Session, before: Transaction, lock: int) -> Transaction:
        if lock == before.lock and before.open and session.moments == before.moments:
            return before
        self.read_on = self.read_on or lock == READ_LOCK
        if self.schema_changed and lock > NO_LOCK and session.base is None:
            session.base = self._analyser_schema
        snapshot = before.snapshot
        if snapshot < 0 and lock > NO_LOCK and self.journal == "wal":
            snapshot = self.current
        session.transaction = Transaction(True, lock, snapshot, before.stale, session.moments)
        return session.transaction

    def _track_savepoints(self, session: _Session, statement: Statement, now_open: bool) -> None:
        if not now_open:
            return
        names = session.savepoints
        if statement.action == "savepoint":
            if not session.transaction.open:
                session.started_by_savepoint = True
            names.append((statement.savepoint or "", len(session.ddl)))
        elif statement.action in ("release", "rollback to"):
            last = max(i for i, (name, _) in enumerate(names) if name == statement.savepoint)
            if statement.action == "release":
                del names[last:]
            else:
                del session.ddl[names[last][1] :]
                del names[last + 1 :]

    def _failed(self, session: _Session, statement: Statement, request: SqlStatement, error: BaseException) -> Outcome:
        before = session.transaction
        connection = session.connection
        code = getattr(error, "sqlite_errorcode", None) or 0
        if code & 0xFF == sqlite3.SQLITE_BUSY and code != sqlite3.SQLITE_BUSY_SNAPSHOT:
            ends = statement.action in ("commit", "release")
            if ends and self.journal == "rollback":
                session.transaction = before._replace(open=True, lock=PENDING_LOCK)
                return Outcome(None, session.transaction)
            if not before.open and statement.needs == WRITES and not statement.action:
                return self._hold_pending(session, request, statement)
            if before.lock == NO_LOCK:
                return Outcome(None, before)
        still_open = connection.in_transaction
        after = before
        if not still_open:
            after = CLOSED
            self._forget_transaction(session)
        elif code & 0xFF != sqlite3.SQLITE_BUSY and code and statement.compiles:
            # The statement ran before it failed (a constraint, say), so it has taken its lock.
            lock = max(before.lock, statement.needs)
            if statement.needs == WRITES:
                self._note_moment(session)
            if statement.exclusive and self.journal == "rollback" and before.lock < WRITE_LOCK:
                lock = EXCLUSIVE_LOCK
            after = self._holding(session, before, lock)
        text = str(error)
        if code == sqlite3.SQLITE_INTERRUPT:
            text = f"{text}: the statement ran for more than {_OPCODES_BEFORE_STOP:,} SQLite instructions"
        name = "ProgrammingError" if isinstance(error, UnicodeError) else type(error).__name__
        code_name = str(getattr(error, "sqlite_errorname", "") or "")
        return Outcome(SqlFailure(name, text, code, code_name, still_open), after)

    def _hold_pending(self, session: _Session, request: SqlStatement, statement: Statement) -> Outcome:
        """A write outside a transaction met a lock. If only its commit did, it waits there, keeping its lock.

        With a time-out of 0 SQLite has undone the statement; a real connection would wait inside the commit,
        holding PENDING. Without this, another writer could slip in during that wait.
        """
        connection = session.connection
        if self.journal == "wal":
            return Outcome(None, session.transaction)
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return Outcome(None, session.transaction)
        parameters: Any = dict(request.parameters) if request.named else request.parameters
        self._looked = False
        self._draws = self._bits_drawn = 0
        changed_before = connection.total_changes
        try:
            cursor = connection.execute(request.sql, parameters)
            rows = tuple(cursor.fetchall())
            changed = connection.total_changes - changed_before
            self._note_moment(session)
            description = cursor.description
            columns = tuple(column[0] for column in description) if description else None
            session.wrote = True
            if statement.asks_connection or (cursor.rowcount > 0 and statement.keyword in ("INSERT", "REPLACE")):
                session.rowid = cursor.lastrowid or 0
            session.answer = SqlResult(rows, columns, cursor.rowcount, session.rowid, False, changed)
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            if (getattr(error, "sqlite_errorcode", 0) or 0) & 0xFF == sqlite3.SQLITE_BUSY and session.answer:
                session.transaction = Transaction(False, PENDING_LOCK, -1, False, session.moments)
                return Outcome(None, session.transaction)
            self._clean(session)
            raise
        told, session.answer = session.answer, None
        return Outcome(told, CLOSED, True)

    def _finish_waiting_commit(self, session: _Session, before: Transaction) -> Outcome:
        try:
            session.connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            if (error.sqlite_errorcode or 0) & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            return Outcome(None, before)
        told, session.answer = session.answer, None
        self._forget_transaction(session)
        return Outcome(told, CLOSED, True)

    def time_out(self, name: Any) -> Outcome:
        """The wait of a blocked statement ends in "database is locked"; an open transaction stays open."""
        session = self._sessions[name]
        if session.answer is not None:
            self._clean(session)
        still_open = session.transaction.open
        return Outcome(
            SqlFailure("OperationalError", "database is locked", 5, "SQLITE_BUSY", still_open), session.transaction
        )

    def lock_wanted(self, request: SqlStatement, held: Transaction) -> int:
        """The lock that a statement takes besides those ``held``; `PENDING_LOCK`: its commit waits for readers."""
        statement = self._analyser.analyse(request)
        if statement.unsupported or (statement.needs == NOTHING and not statement.action):
            return NO_LOCK
        if statement.action in ("commit", "release"):
            waits = self.journal == "rollback" and WRITE_LOCK <= held.lock < EXCLUSIVE_LOCK
            return PENDING_LOCK if waits else NO_LOCK
        if statement.action == "begin":
            return WRITE_LOCK if statement.needs == WRITES and not held.open else NO_LOCK
        if statement.action:
            return NO_LOCK
        if statement.needs == WRITES:
            return WRITE_LOCK if held.lock < WRITE_LOCK else NO_LOCK
        return READ_LOCK if held.lock == NO_LOCK and self.journal == "rollback" else NO_LOCK

    def refuse(self, name: Any, request: SqlStatement) -> Outcome:
        """A statement is refused, since somebody who is no session of ours holds a lock for longer than it waits."""
        session = self._sessions[name]
        held = session.transaction
        if self.lock_wanted(request, held) != PENDING_LOCK or held.lock == PENDING_LOCK:  # which it keeps in between
            return self.time_out(name)
        reader = self._observer
        reader.execute("BEGIN")
        try:
            reader.execute("SELECT 1 FROM sqlite_master").fetchall()
            outcome = self.execute(name, request)
        finally:
            reader.execute("ROLLBACK")
        assert outcome.told is None, "a commit waits for readers"
        return self.time_out(name)

    def mark_stale(self, name: Any) -> None:
        """Somebody else committed: the snapshot of ``name``, if it has one, is old."""
        session = self._sessions.get(name)
        if session is not None and session.transaction.lock == READ_LOCK:
            session.transaction = session.transaction._replace(stale=True)

    def changed_since(self, version: int) -> bool:
        """Whether the file was really changed since `version` was read with `data_version`."""
        return self.data_version() != version

    def data_version(self) -> int:
        """A number that SQLite raises when another connection has changed the database."""
        row: tuple[int] = self._observer.execute("PRAGMA data_version").fetchone()
        return row[0]

    def _schema_may_have_changed(self) -> None:
        rows = self._observer.execute("SELECT type, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid")
        ordered = sorted(rows, key=lambda row: _ORDER[row[0]])
        if tuple(row[1] for row in ordered) != self._current_schema:
            if self.changing is not None and self._analyser_schema not in self.changing:
                self.found_changing = self._analyser_schema
            self._read_schema()


def _as_text(data: bytes) -> str:
    """Text as it stands in the file, whether it is UTF-8 or not."""
    return data.decode("utf-8", "surrogateescape")


def _insert(connection: sqlite3.Connection, insert: str, rows: Iterable[tuple[Value, ...]]) -> None:
    """Insert rows as they were read by `_as_text`."""
    try:
        connection.executemany(insert, rows)
    except UnicodeEncodeError:
        connection.executemany(
            insert.replace("?", "CAST(? AS TEXT)"),
            [[v.encode("utf-8", "surrogateescape") if isinstance(v, str) else v for v in row] for row in rows],
        )


def exact(value: Any) -> Any:
    """``value`` itself, or a key that keeps 1 and 1.0 apart, which Python's equality does not."""
    return (value, repr(value)) if _has_float(value) else value


def _has_float(value: Any) -> bool:
    kind = type(value)
    if kind is SqlResult:
        rows = value.rows
        return bool(rows) and any(type(item) is float for row in rows for item in row)
    if kind is tuple:
        return any(map(_has_float, value))
    return kind is float


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _without_rowid(sql: str) -> bool:
    return "WITHOUT ROWID" in " ".join(sql.upper().split()).rsplit(")", 1)[-1]


def rows_of(contents: Contents, table: str) -> Iterable[tuple[Value, ...]]:
    """The rows of one table in ``contents``."""
    return next((rows for name, rows in contents if name == table), ())
