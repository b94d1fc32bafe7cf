"""What a handler holds in place of a `sqlite3.Connection`: each call that reaches the database is an operation.

The transaction control is that of Python's module in its default ("legacy") mode: BEGIN before the first
INSERT, UPDATE, DELETE or REPLACE, ``executescript`` commits first, ``with connection:`` commits or rolls back.

Differences from the real module (each has a test):

- a statement's rows are fetched at once: a cursor read halfway holds no lock and hinders no COMMIT, and an error in
  a later row comes with the first;
- text that is no UTF-8 can't be read, whatever ``text_factory`` says;
- a connection is no instance of `sqlite3.Connection`, a cursor none of `sqlite3.Cursor`;
- setting WAL mode changes nothing, since both journal modes are searched, and answers with the mode that there is;
- functions, collations, callbacks (but ``set_trace_callback``), extensions, blobs, backups, ATTACH, VACUUM, ANALYZE,
  temporary and virtual tables, and PRAGMAs that are not known to do no harm raise `sqlite3.NotSupportedError`;
- how long a wait for a lock lasts is the schedule's decision, whatever ``timeout`` or ``busy_timeout`` say;
- flags set by PRAGMA last for one delivery. What a connection inserted and changed last, and how much in all, it knows
  as long as its process lives.
"""

from __future__ import annotations

import contextlib
import functools
import operator
import re
import sqlite3
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import MappingProxyType, TracebackType
from typing import Any, Literal, NoReturn, SupportsIndex

from .operations import UNSUPPORTED, SqlFailure, SqlResult, SqlStatement
from .sqlite_statements import first_keyword, without_lead
from .sqlite_tuning import Tuning

_DML = frozenset({"INSERT", "UPDATE", "DELETE", "REPLACE"})
#: What SQLite calls read-only, so that ``executemany`` refuses it.
_READ_ONLY = frozenset(
    ["SELECT", "VALUES", "PRAGMA", "EXPLAIN", "BEGIN", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE"]
)
_ISOLATION_LEVELS = frozenset({"", "DEFERRED", "IMMEDIATE", "EXCLUSIVE"})
_AS_IT_IS = (int, bytes, type(None))
#: Strings, quoted names, comments and words are skipped; what the group holds is a placeholder.
_PLACEHOLDER = re.compile(
    r"""'[^']*'|"[^"]*"|`[^`]*`|\[[^\]]*\]|--[^\n]*|/\*.*?(?:\*/|\Z)|\w[\w$]*|([:@$]\w+|\?\d*)""", re.DOTALL
)
_WAL = re.compile(
    r"PRAGMA\s+(?:\w+\s*\.\s*)?journal_mode\s*(?:=\s*['\"]?wal['\"]?|\(\s*['\"]?wal['\"]?\s*\))\s*;?\s*", re.I
)
#: Whether `executemany` keeps what RETURNING gives.
_KEEPS_RETURNING = sys.version_info >= (3, 12)
_MISUSE = SqlFailure("InterfaceError", "bad parameter or other API misuse", 21, "SQLITE_MISUSE", False)
_NOTHING_TOLD = SqlResult((), None, -1, None, False)
Ask = Callable[[SqlStatement], SqlResult | SqlFailure]


def raise_as_sqlite(failure: SqlFailure) -> NoReturn:
    """Raise the error that the real module would raise."""
    if failure.name == "OverflowError":
        raise OverflowError(failure.text)
    kind: type[Exception] = getattr(sqlite3, failure.name)
    error = kind(failure.text)
    if failure.code:
        error.sqlite_errorcode = failure.code  # type: ignore[attr-defined]
        error.sqlite_errorname = failure.code_name  # type: ignore[attr-defined]
    raise error


class _Scratch:
    """A real connection for what only the real module can do: its error messages and its row objects."""

    def __init__(self) -> None:
        self._connection: sqlite3.Connection | None = None

    @property
    def connection(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = sqlite3.connect(":memory:", check_same_thread=False)
        return self._connection

    def adapt(self, value: Any, position: int) -> Any:
        """``value`` as SQLite would store it, by the registered adapters; or the real module's error, which names
        the parameter's ``position``."""
        marks = ",".join("?" * (position + 1))
        return self.connection.execute(f"SELECT {marks}", (*[None] * position, value)).fetchone()[position]

    def cursor_with(self, columns: Sequence[str]) -> sqlite3.Cursor:
        """A real cursor whose description has these names, for row factories that need one."""
        names = ", ".join('NULL AS "' + name.replace('"', '""') + '"' for name in columns)
        return self.connection.execute(f"SELECT {names}")


_scratch = _Scratch()


class Cursor:
    """Like `sqlite3.Cursor`."""

    __slots__ = (
        "__weakref__",
        "_busy",
        "_closed",
        "_counted",
        "_counts_when_read",
        "_lastrowid",
        "_next",
        "_real",
        "_rowcount",
        "_rows",
        "_told",
        "arraysize",
        "connection",
        "description",
        "row_factory",
    )

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.arraysize = 1
        self.row_factory: Any = connection.row_factory
        self.description: tuple[tuple[Any, ...], ...] | None = None
        self._lastrowid: int | None = None
        self._rows: tuple[tuple[Any, ...], ...] = ()
        self._next = 0
        self._rowcount = -1
        self._told: SqlResult | None = None
        self._counts_when_read = False
        self._counted = 0
        self._closed = False
        self._busy = False
        """Parameters are being made, by code that may come back to this cursor."""
        self._real: sqlite3.Cursor | None = None

    @property
    def rowcount(self) -> int:
        """As in the real module: of a statement with RETURNING only known once all its rows are fetched."""
        if self._told is not None and self.connection._count_read is not None:
            self.connection._count_read(self._told)
        if self._counts_when_read and self._next < len(self._rows):
            return self._counted
        return self._rowcount

    @property
    def lastrowid(self) -> int | None:
        """The row that the connection inserted last, be it in an earlier delivery."""
        return self.connection._look_back("rowid") if self._lastrowid == 0 else self._lastrowid

    def execute(self, sql: str, parameters: Any = (), /) -> Cursor:
        """Carry out one statement."""
        self._check()
        if not isinstance(sql, str):
            raise TypeError(f"execute() argument 1 must be str, not {type(sql).__name__}")
        self._forget()
        keyword = first_keyword(sql)
        connection = self.connection
        if not keyword and (not parameters or isinstance(parameters, dict)) and not without_lead(sql):
            return self  # only blanks and comments
        began = connection._begin_before(keyword)
        self._take(connection._tell_compiled(_bind(sql, parameters), began), keyword)
        return self

    def _forget(self) -> None:
        self._rows, self._next, self._real, self._told = (), 0, None, None
        self.description, self._rowcount, self._counts_when_read, self._counted = None, -1, False, 0

    def _take(self, told: SqlResult, keyword: str) -> None:
        self._rows = told.rows
        self._describe(told.columns)
        self._rowcount, self._told = told.rowcount, told
        self._counts_when_read = keyword in _DML and told.columns is not None
        self._lastrowid = told.lastrowid

    def _describe(self, columns: tuple[str, ...] | None) -> None:
        self.description = None if columns is None else tuple((name, *[None] * 6) for name in columns)

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> Cursor:
        """Carry out one statement for each set of parameters.

        What RETURNING gives is thrown away before Python 3.12. From then on a statement goes on where it stands: the
        next parameters find its rows unread and can't be bound; where there are none, the next row is taken instead.
        """
        self._check()
        if not isinstance(sql, str):
            raise TypeError(f"executemany() argument 1 must be str, not {type(sql).__name__}")
        each = iter(parameters)
        self._forget()
        keyword = first_keyword(sql)
        if keyword in _READ_ONLY or not without_lead(sql):
            raise sqlite3.ProgrammingError("executemany() can only execute DML statements.")
        connection = self.connection
        began = connection._begin_before(keyword)
        total = 0
        told, unread = _NOTHING_TOLD, 0
        for one in self._alone(each):
            statement = _bind(sql, one)
            if unread:
                if statement.parameters or _placeholders(sql):
                    raise_as_sqlite(_MISUSE)
                unread -= 1
                if not unread:
                    total += told.rowcount
                continue
            told = connection._tell_compiled(statement, began)
            began = False
            self._describe(told.columns)
            if _KEEPS_RETURNING:
                unread = len(told.rows)
            if told.columns is None:
                total += told.rowcount
        if unread:
            self._rows, self._next, self._rowcount = told.rows, len(told.rows) - unread, told.rowcount
            self._counted, self._counts_when_read = total, keyword in _DML
        elif keyword in _DML:
            self._rowcount = total
        return self

    def _alone(self, each: Iterator[Any]) -> Iterator[Any]:
        """The same, where nobody may use the cursor while the next one is made."""
        while True:
            self._busy = True
            try:
                one = next(each)
            except StopIteration:
                return
            finally:
                self._busy = False
            yield one

    def executescript(self, sql_script: str, /) -> Cursor:
        """Commit what is open, then carry out all statements of the script."""
        self._check()
        if not isinstance(sql_script, str):
            raise TypeError(f"executescript() argument must be str, not {type(sql_script).__name__}")
        if "\0" in sql_script:
            raise ValueError("embedded null character")
        self.connection.commit()
        for statement in _split(sql_script):
            self.connection._tell(_with_nulls(statement))
        return self

    def _make(self, row: tuple[Any, ...]) -> Any:
        text_factory = self.connection.text_factory
        if text_factory is not str:
            convert = bytes if text_factory is bytes else text_factory
            row = tuple(convert(v.encode()) if isinstance(v, str) else v for v in row)
        factory = self.row_factory
        if factory is None:
            return row
        if isinstance(factory, type) and issubclass(factory, sqlite3.Row):
            if self._real is None:
                self._real = _scratch.cursor_with([column[0] for column in self.description or ()])
            return factory(self._real, row)
        return factory(self, row)

    def fetchone(self) -> Any:
        """The next row, or None."""
        self._check()
        if self._next >= len(self._rows):
            return None
        self._next += 1
        return self._make(self._rows[self._next - 1])

    def fetchmany(self, size: int | None = None) -> list[Any]:
        """The next rows, at most ``size`` of them (by default: ``arraysize``)."""
        self._check()
        wanted = operator.index(self.arraysize if size is None else size)
        end = len(self._rows) if wanted < 1 else min(self._next + wanted, len(self._rows))
        return [self.fetchone() for _ in range(end - self._next)]

    def fetchall(self) -> list[Any]:
        """All rows that are left."""
        self._check()
        return [self.fetchone() for _ in range(len(self._rows) - self._next)]

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        self._check()
        if self._next >= len(self._rows):
            raise StopIteration
        return self.fetchone()

    def close(self) -> None:
        """No further use."""
        self.connection._check()
        self._closed = True

    def setinputsizes(self, sizes: Any, /) -> None:
        """Does nothing, as in the real module."""

    def setoutputsize(self, size: Any, column: Any = None, /) -> None:
        """Does nothing, as in the real module."""

    def _check(self) -> None:
        if self._busy:
            raise sqlite3.ProgrammingError("Recursive use of cursors not allowed.")
        if self._closed:
            raise sqlite3.ProgrammingError("Cannot operate on a closed cursor.")
        self.connection._check()


class Connection:
    """Like `sqlite3.Connection`; ``ask`` hands a statement to the world and waits for what it says.

    ``look_back`` tells what the connection did before this delivery, see `LookBack`.
    """

    # As the real one, it takes no attributes of others: they would be a memory that nobody knows of.
    __slots__ = (
        "_ask",
        "_changes",
        "_closed",
        "_count_read",
        "_in_transaction",
        "_isolation_level",
        "_look_back",
        "_refused",
        "_trace",
        "_tuning",
        "row_factory",
        "text_factory",
    )

    Warning = sqlite3.Warning
    Error = sqlite3.Error
    InterfaceError = sqlite3.InterfaceError
    DatabaseError = sqlite3.DatabaseError
    DataError = sqlite3.DataError
    OperationalError = sqlite3.OperationalError
    IntegrityError = sqlite3.IntegrityError
    InternalError = sqlite3.InternalError
    ProgrammingError = sqlite3.ProgrammingError
    NotSupportedError = sqlite3.NotSupportedError

    def __init__(
        self,
        ask: Ask,
        refused: Callable[[str], None] = lambda what: None,
        look_back: Callable[[str], int] = lambda what: 0,
    ) -> None:
        self._ask = ask
        self._look_back = look_back
        self._refused = refused
        self._trace: Callable[[str], object] | None = None
        self._isolation_level: str | None = ""
        self._in_transaction = False
        self._closed = False
        self._changes = 0
        self._count_read: Callable[[SqlResult], object] | None = None
        """Told of every statement whose rowcount is looked at, for the diagnosis."""
        self._tuning = Tuning()
        self.row_factory: Any = None
        self.text_factory: Any = str

    # -- the way to the world --------------------------------------------------------------------------

    def _tell(self, statement: SqlStatement, traced: str | None = None) -> SqlResult:
        self._check()
        if first_keyword(statement.sql) == "PRAGMA":
            tuned = self._tuning.answer(without_lead(statement.sql))
            if tuned is not None:
                return SqlResult(*tuned, -1, 0, self._in_transaction)
            if _WAL.fullmatch(without_lead(statement.sql)):
                return self._stay_in_journal_mode()
        if self._trace is not None:
            with contextlib.suppress(Exception):
                self._trace(traced or _expanded(statement))
        told = self._ask(statement)
        self._in_transaction = told.in_transaction
        if isinstance(told, SqlFailure):
            if told.text.startswith(UNSUPPORTED):
                self._refused(told.text.removeprefix(UNSUPPORTED))
            raise_as_sqlite(told)
        self._changes += told.changed
        return told

    def _stay_in_journal_mode(self) -> SqlResult:
        """Both journal modes are searched, whatever a handler wants: where a file can't have a write-ahead log, SQLite
        answers with the mode that it stays in."""
        told = self._tell(SqlStatement("PRAGMA journal_mode"))
        if told.rows == (("wal",),):
            return told
        if self._in_transaction:
            raise sqlite3.OperationalError("cannot change into wal mode from within a transaction")
        return told._replace(rows=(("delete",),))

    def set_trace_callback(self, trace_callback: Callable[[str], object] | None, /) -> None:
        """Have every statement told before it is carried out; what the callback raises is ignored."""
        self._check()
        self._trace = trace_callback

    def _begin_before(self, keyword: str) -> bool:
        """The BEGIN that the module sends before a statement that writes; whether it was needed."""
        if keyword not in _DML or self._isolation_level is None or self._in_transaction:
            return False
        begin = f"BEGIN {self._isolation_level}"
        self._tell(SqlStatement(begin.strip()), begin)
        return True

    def _tell_compiled(self, statement: SqlStatement, began: bool) -> SqlResult:
        """The real module compiles a statement before it sends BEGIN: one that SQLite can't compile begins nothing."""
        try:
            return self._tell(statement)
        except (sqlite3.Error, sqlite3.Warning) as error:
            code = getattr(error, "sqlite_errorcode", None)
            may_be = code == sqlite3.SQLITE_ERROR or "one statement at a time" in str(error)
            if began and may_be and isinstance(self._ask(_with_nulls("EXPLAIN " + statement.sql)), SqlFailure):
                self.rollback()
            raise

    def _begin_delivery(self) -> None:
        self._tuning = Tuning()
        self._in_transaction = False
        self._closed = False
        self._changes = 0

    def _check(self) -> None:
        if self._closed:
            raise sqlite3.ProgrammingError("Cannot operate on a closed database.")

    # -- sqlite3.Connection ----------------------------------------------------------------------------

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        self._check()
        return self._in_transaction

    @property
    def autocommit(self) -> Any:
        """As of Python 3.12: the legacy transaction control is in force."""
        return getattr(sqlite3, "LEGACY_TRANSACTION_CONTROL", -1)

    @autocommit.setter
    def autocommit(self, value: Any) -> None:
        if value != self.autocommit:
            self._refuse("setting autocommit; use isolation_level = None and BEGIN")

    @property
    def isolation_level(self) -> str | None:
        """None, "", "DEFERRED", "IMMEDIATE" or "EXCLUSIVE"; setting None commits what is open."""
        self._check()
        return self._isolation_level

    @isolation_level.setter
    def isolation_level(self, value: str | None) -> None:
        if value is None:
            self._isolation_level = None
            self.commit()
        elif not isinstance(value, str):
            raise TypeError("isolation_level must be str or None")
        elif "\0" in value:
            raise ValueError("embedded null character")
        elif str.upper(value) not in _ISOLATION_LEVELS:
            raise ValueError("isolation_level string must be '', 'DEFERRED', 'IMMEDIATE', or 'EXCLUSIVE'")
        else:
            self._isolation_level = str.upper(value)

    @property
    def total_changes(self) -> int:
        """Rows changed since the process started, with those that triggers and foreign keys changed."""
        self._check()
        return self._look_back("total") + self._changes

    def cursor(self, factory: Any = Cursor) -> Any:
        """A new cursor."""
        self._check()
        if factory is Cursor or factory is sqlite3.Cursor:
            return Cursor(self)
        if isinstance(factory, type) and issubclass(factory, sqlite3.Cursor):
            self._refuse("a class of cursors derived from sqlite3.Cursor")
        made = factory(self)
        if not isinstance(made, Cursor):
            raise TypeError(f"factory must return a cursor, not {type(made).__name__}")
        return made

    def execute(self, sql: str, parameters: Any = (), /) -> Cursor:
        """A new cursor, with one statement carried out."""
        return Cursor(self).execute(sql, parameters)

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> Cursor:
        """A new cursor, with one statement carried out for each set of parameters."""
        return Cursor(self).executemany(sql, parameters)

    def executescript(self, sql_script: str, /) -> Cursor:
        """A new cursor, with a script carried out."""
        return Cursor(self).executescript(sql_script)

    def commit(self) -> None:
        """Commit, if a transaction is open."""
        self._check()
        if self._in_transaction:
            self._tell(SqlStatement("COMMIT"))

    def rollback(self) -> None:
        """Roll back, if a transaction is open."""
        self._check()
        if self._in_transaction:
            self._tell(SqlStatement("ROLLBACK"))

    def close(self) -> None:
        """Close for the rest of this delivery: what is open is rolled back."""
        if not self._closed:
            self.rollback()
            self._closed = True

    def __enter__(self) -> Connection:
        self._check()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> Literal[False]:
        if kind is None:
            try:
                self.commit()
            except sqlite3.Error:
                self.rollback()
                raise
        else:
            self.rollback()
        return False

    def iterdump(self, *, filter: str | None = None) -> Iterator[str]:
        """The SQL that makes this database."""
        from sqlite3 import dump

        return dump._iterdump(self) if filter is None else dump._iterdump(self, filter=filter)  # type: ignore

    def interrupt(self) -> None:
        """Nothing can be running: each statement is carried out at once."""
        self._check()

    def _refuse(self, what: str) -> NoReturn:
        self._refused(what)
        raise sqlite3.NotSupportedError(UNSUPPORTED + what)

    def __call__(self, *arguments: Any) -> NoReturn:
        self._check()
        if len(arguments) != 1:
            raise TypeError(f"function takes exactly 1 argument ({len(arguments)} given)")
        self._refuse("calling a connection to make a statement")

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("__") and any(name in vars(kind) for kind in sqlite3.Connection.__mro__):
            self._refuse(f"Connection.{name}")
        raise AttributeError(f"'sqlite3.Connection' object has no attribute {name!r}")

    def __reduce_ex__(self, protocol: SupportsIndex, /) -> NoReturn:
        raise TypeError("cannot pickle 'sqlite3.Connection' object")

    def __repr__(self) -> str:
        return "<Connection to the simulated world>"


class Opened(Connection):
    """A connection that the code has opened itself, beside others of its process. They are one session for the world,
    so only one of them may have a transaction open at a time."""

    __slots__ = ("_others",)

    def opened_with(self, options: dict[str, Any], others: Sequence[Connection]) -> None:
        """Take the options of `sqlite3.connect`; ``others``: the process's other connections."""
        self._others = tuple(others)
        if options.get("detect_types"):
            self._refuse("sqlite3.connect(detect_types=…)")
        if options.get("factory") not in (None, sqlite3.Connection):
            self._refuse("sqlite3.connect(factory=…)")
        if "autocommit" in options:
            self.autocommit = options["autocommit"]
        self.isolation_level = options.get("isolation_level", "")

    def _tell(self, statement: SqlStatement, traced: str | None = None) -> SqlResult:
        if any(other._in_transaction for other in self._others):
            self._refuse("two connections of one process, one of them in the middle of a transaction")
        return super()._tell(statement, traced)


@functools.lru_cache(maxsize=512)
def _placeholders(sql: str) -> tuple[str, ...]:
    """What values are to be given for, in order: names without their mark, and ``?`` where there is no name."""
    found: dict[str | int, str] = {}
    for match in _PLACEHOLDER.finditer(sql):
        mark = match[1]
        if mark is not None:
            found[len(found) if mark == "?" else mark] = mark if mark == "?" else mark[1:]
    return tuple(found.values())


def _bind(sql: str, parameters: Any) -> SqlStatement:
    """The statement with its parameters adapted; of a dictionary, as in the real module, only what it names."""
    if not sql.isascii():
        sql.encode()  # raises what the real module raises
    if isinstance(parameters, dict):
        pairs = {}
        for position, name in enumerate(_placeholders(sql)):
            try:
                pairs[name] = _plain(parameters[name], position)
            except LookupError:
                continue  # SQLite will say which one it misses
        return SqlStatement(sql, tuple(sorted(pairs.items())), True)
    if not isinstance(parameters, list | tuple):
        if isinstance(parameters, MappingProxyType) or not (
            hasattr(parameters, "__getitem__") and hasattr(parameters, "__len__")
        ):
            raise sqlite3.ProgrammingError("parameters are of unsupported type")
        parameters = [parameters[index] for index in range(len(parameters))]
    return SqlStatement(
        sql,
        tuple([v if type(v) in _AS_IT_IS else _plain(v, position) for position, v in enumerate(parameters)]),
    )


def _with_nulls(sql: str) -> SqlStatement:
    """The statement with NULL for each of its placeholders."""
    names = _placeholders(sql)
    return _bind(sql, [None] * len(names) if "?" in names else dict.fromkeys(names))


def _expanded(statement: SqlStatement) -> str:
    """The statement with its values in place of the placeholders, as SQLite shows it to a trace callback."""
    values: Any = dict(statement.parameters) if statement.named else statement.parameters
    count = 0

    def literal(match: re.Match[str]) -> str:
        nonlocal count
        mark = match[1]
        if mark is None:
            return match[0]
        if mark == "?":
            key: Any = count
            count += 1
        else:
            key = mark[1:] if statement.named else int(mark[1:]) - 1 if mark[0] == "?" else count
        try:
            return _literal(values[key])
        except (LookupError, ValueError):
            return "NULL"

    return _PLACEHOLDER.sub(literal, statement.sql)


def _literal(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        return f"x'{value.hex()}'"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return f"{value:.15g}" if isinstance(value, float) else str(value)


def _plain(value: Any, position: int) -> Any:
    """``value`` as one of the types that SQLite can store."""
    kind = type(value)
    if kind is str:
        if not value.isascii():
            value.encode()
        return value
    if kind is float:
        return value if value == value else None  # SQLite stores NULL for what is no number
    return value if kind in _AS_IT_IS else _scratch.adapt(value, position)


def _split(script: str) -> Iterator[str]:
    """The statements of a script, found as SQLite finds their ends."""
    statement = ""
    for character in script:
        statement += character
        if character == ";" and sqlite3.complete_statement(statement):
            if without_lead(statement):
                yield statement
            statement = ""
    if without_lead(statement):
        yield statement
