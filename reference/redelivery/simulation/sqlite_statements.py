"""What an SQL statement is going to do, asked of SQLite itself before it is carried out.

`EXPLAIN` shows in its opcode ``Transaction`` whether a statement reads or writes; the authorizer callback names
the tables and everything that this simulation does not carry out. Nothing here guesses from the text, except
the first keyword where Python's own module does the same.

Sources: https://sqlite.org/opcode.html (Transaction), https://sqlite.org/c3ref/c_alter_table.html (action codes).
"""

from __future__ import annotations

import contextlib
import functools
import re
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from .operations import SqlStatement

#: What a statement needs of the database.
NOTHING, READS, WRITES = 0, 1, 2

_SCHEMA_TABLES = frozenset({"sqlite_master", "sqlite_schema"})
_TEMPORARY_SCHEMA = frozenset({"sqlite_temp_master", "sqlite_temp_schema"})
_SCHEMA_PRAGMAS = frozenset(
    ["table_info", "table_xinfo", "index_list", "index_info", "index_xinfo", "foreign_key_list"]
)
_FLAG_PRAGMAS = frozenset(
    ["foreign_keys", "recursive_triggers", "defer_foreign_keys", "case_sensitive_like", "legacy_alter_table"]
)
_HARMLESS_PRAGMAS = frozenset(["synchronous"])
#: Reading these does no harm; setting them would last beyond the delivery.
_READABLE_PRAGMAS = frozenset(
    [
        "compile_options",
        "function_list",
        "collation_list",
        "module_list",
        "pragma_list",
        "encoding",
        "page_size",
        "max_page_count",
        "user_version",
        "journal_mode",
    ]
)
_READING_PRAGMAS = frozenset(["foreign_key_check", "quick_check", "integrity_check"])
_UNSUPPORTED_ACTIONS = {
    sqlite3.SQLITE_ATTACH: "ATTACH: a run has one database",
    sqlite3.SQLITE_DETACH: "DETACH: a run has one database",
    sqlite3.SQLITE_CREATE_TEMP_TABLE: "temporary tables",
    sqlite3.SQLITE_CREATE_TEMP_INDEX: "temporary indexes",
    sqlite3.SQLITE_CREATE_TEMP_TRIGGER: "temporary triggers",
    sqlite3.SQLITE_CREATE_TEMP_VIEW: "temporary views",
    sqlite3.SQLITE_CREATE_VTABLE: "virtual tables",
    sqlite3.SQLITE_DROP_VTABLE: "virtual tables",
}
_UNSUPPORTED_FUNCTIONS = {
    "load_extension": "load_extension()",
    "total_changes": "total_changes(): what it counts would come from other runs; use the statement's rowcount",
}
_BLANK = r"\s|--[^\n]*(?:\n|\Z)|/\*.*?(?:\*/|\Z)"
_FIRST_WORD = re.compile(rf"(?:{_BLANK})*([A-Za-z]*)", re.DOTALL)
_LEAD = re.compile(rf"(?:{_BLANK}|;)*", re.DOTALL)


@functools.lru_cache(maxsize=512)
def first_keyword(sql: str) -> str:
    """The first word of a statement in capitals, comments skipped; empty if there is none. As in Python's module, a
    semicolon is no blank."""
    match = _FIRST_WORD.match(sql)
    return match[1].upper() if match else ""


def without_lead(sql: str) -> str:
    """``sql`` from its first statement on, without the blanks, comments and semicolons that SQLite skips before it."""
    match = _LEAD.match(sql)
    return sql[match.end() :] if match else sql


@dataclass(frozen=True, slots=True)
class Statement:
    """What is known of one SQL text before it is carried out."""

    keyword: str
    needs: int
    compiles: bool = True
    exclusive: bool = False
    schema_only: bool = False
    changes_schema: bool = False
    sets_flag: bool = False
    asks_connection: bool = False
    """What it gives depends on what this connection did before: ``changes()``, ``last_insert_rowid()``, upserts."""
    asks_changes: bool = False
    asks_rowid: bool = False
    reads: frozenset[str] = frozenset()
    writes: frozenset[str] = frozenset()
    unsupported: str | None = None
    savepoint: str | None = None
    action: str = ""
    """``begin``, ``commit``, ``rollback``, ``savepoint``, ``release``, ``rollback to`` or empty."""


@dataclass(slots=True)
class _Seen:
    reads: set[str] = field(default_factory=set)
    writes: set[str] = field(default_factory=set)
    unsupported: str | None = None
    schema_pragma: bool = False
    flag: bool = False
    asks_changes: bool = False
    asks_rowid: bool = False
    transaction: str = ""
    savepoint: str | None = None


class StatementAnalyser:
    """Classifies statements against a given schema, on a connection of its own that holds no rows."""

    def __init__(self, schema: Iterable[str]) -> None:
        self._connection = sqlite3.connect(":memory:", isolation_level=None, cached_statements=0)
        for sql in schema:
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute(sql)
        self._seen = _Seen()
        self._connection.set_authorizer(self._authorize)
        self._known: dict[str, Statement] = {}

    def close(self) -> None:
        """Close the analyser's own connection."""
        self._connection.close()

    def analyse(self, statement: SqlStatement) -> Statement:
        """What ``statement`` would do. A statement that SQLite can't compile counts as one that reads."""
        known = self._known.get(statement.sql)
        if known is None:
            known = self._ask_sqlite(statement)
        return known

    def _ask_sqlite(self, statement: SqlStatement) -> Statement:
        sql = without_lead(statement.sql)
        keyword = first_keyword(sql)
        if keyword in ("VACUUM", "ANALYZE"):
            return Statement(keyword, WRITES, unsupported=keyword)
        self._seen = seen = _Seen()
        parameters: Any = dict(statement.parameters) if statement.named else statement.parameters
        explained = keyword == "EXPLAIN"
        try:
            program = self._connection.execute(sql if explained else "EXPLAIN " + sql, parameters).fetchall()
        except (sqlite3.Error, sqlite3.Warning, OverflowError, UnicodeError):
            # It won't compile or bind: let the real connection say so, in the real words. Not remembered, because
            # the same text may bind with other parameters.
            return Statement(keyword, NOTHING if explained else READS, False, unsupported=seen.unsupported)
        if explained:
            self._known[statement.sql] = known = Statement(keyword, NOTHING, unsupported=seen.unsupported)
            return known
        needs, exclusive = NOTHING, False
        for row in program:
            if row[1] == "Transaction" and row[2] == 0:
                needs = max(needs, WRITES if row[3] else READS)
                exclusive = exclusive or row[3] > 1
        action = seen.transaction.lower()
        if seen.savepoint is not None:
            action = {"begin": "savepoint", "release": "release", "rollback": "rollback to"}[action]
        schema_writes = seen.writes & _SCHEMA_TABLES
        known = self._known[statement.sql] = Statement(
            keyword=keyword,
            needs=needs,
            exclusive=exclusive,
            schema_only=(
                needs == READS
                and not seen.writes
                and (seen.schema_pragma or (bool(seen.reads) and seen.reads <= _SCHEMA_TABLES))
            ),
            changes_schema=needs == WRITES and bool(schema_writes),
            sets_flag=seen.flag,
            asks_connection=seen.asks_changes
            or seen.asks_rowid
            or (
                needs == WRITES
                and (keyword == "WITH" or "CONFLICT" in sql.upper() or first_keyword(statement.sql) != keyword)
            ),
            asks_changes=seen.asks_changes,
            asks_rowid=seen.asks_rowid,
            reads=frozenset(seen.reads - _SCHEMA_TABLES),
            writes=frozenset(seen.writes - _SCHEMA_TABLES),
            unsupported=seen.unsupported,
            savepoint=seen.savepoint,
            action=action,
        )
        return known

    def _authorize(
        self, action: int, first: str | None, second: str | None, database: str | None, inner: str | None
    ) -> int:
        seen = self._seen
        if action in _UNSUPPORTED_ACTIONS:
            seen.unsupported = _UNSUPPORTED_ACTIONS[action]
        elif action == sqlite3.SQLITE_READ:
            seen.reads.add(first or "")
            if first in _TEMPORARY_SCHEMA:
                seen.unsupported = "temporary tables"
        elif action in (sqlite3.SQLITE_INSERT, sqlite3.SQLITE_DELETE, sqlite3.SQLITE_UPDATE):
            seen.writes.add(first or "")
        elif action == sqlite3.SQLITE_FUNCTION:
            seen.unsupported = _UNSUPPORTED_FUNCTIONS.get(second or "", seen.unsupported)
            seen.asks_changes = seen.asks_changes or second == "changes"
            seen.asks_rowid = seen.asks_rowid or second == "last_insert_rowid"
        elif action == sqlite3.SQLITE_TRANSACTION:
            seen.transaction = first or ""
        elif action == sqlite3.SQLITE_SAVEPOINT:
            seen.transaction, seen.savepoint = first or "", _lower(second or "")
        elif action == sqlite3.SQLITE_PRAGMA:
            return self._pragma((first or "").lower(), second)
        return sqlite3.SQLITE_OK

    def _pragma(self, name: str, argument: str | None) -> int:
        """Most are carried out when they are compiled, even for `EXPLAIN`, and some change all connections of this
        process (``hard_heap_limit``): what is not known here is not compiled."""
        seen = self._seen
        if name in _SCHEMA_PRAGMAS:
            seen.schema_pragma = True
        elif name in _FLAG_PRAGMAS:
            seen.flag = argument is not None
        elif name in _HARMLESS_PRAGMAS or name in _READING_PRAGMAS or (name in _READABLE_PRAGMAS and argument is None):
            pass
        elif name == "journal_mode":
            seen.unsupported = "setting PRAGMA journal_mode: the checker explores both journal modes itself"
            return sqlite3.SQLITE_DENY
        else:
            seen.unsupported = f"PRAGMA {name}"
            return sqlite3.SQLITE_DENY
        return sqlite3.SQLITE_OK


def _lower(name: str) -> str:
    """As SQLite compares names: only the letters A to Z have two cases."""
    return "".join(character.lower() if character.isascii() else character for character in name)
