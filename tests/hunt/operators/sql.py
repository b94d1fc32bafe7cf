"""Changes within SQL: conditions dropped or loosened, constraints dropped, a conflict resolved otherwise."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .tree import Change, Operator, copies, is_sql, twin

_I = re.IGNORECASE | re.DOTALL
#: What ends a WHERE.
_TAIL = r"(?=\s+(?:RETURNING|ON\s+CONFLICT|GROUP|ORDER|LIMIT|UNION|DO)\b|\)|;|$)"
Rule = tuple[str, str]


def _texts(tree: object, rules: tuple[Rule, ...]) -> Change:
    """One place of one text changed by each rule, where it applies."""
    for copied, node in copies(tree, is_sql):  # type: ignore[arg-type]
        old = node.value
        for pattern, new in rules:
            for found in re.finditer(pattern, old, _I):
                text = old[: found.start()] + found.expand(new) + old[found.end() :]
                if text != old and text.strip():
                    node.value = text
                    yield twin(copied)
        node.value = old


def _operator(name: str, doc: str, *rules: Rule) -> Operator:
    def operator(tree: object) -> Iterator[object]:
        yield from _texts(tree, rules)

    operator.__name__, operator.__doc__ = name, doc
    return operator  # type: ignore[return-value]


drop_where = _operator(
    "drop_where",
    "No WHERE, or one condition less.",
    (rf"\s+WHERE\s.*?{_TAIL}", ""),
    (r"\bWHERE\s+(?:(?!\bAND\b).)*?\s+AND\s+", "WHERE "),
    (rf"\s+AND\s+.*?{_TAIL}", ""),
    (r"\s+AND\s+", " OR "),
    (r"\bNOT\s+EXISTS\b", "EXISTS"),
    (r"\bWHERE\s+NOT\s+(?!EXISTS)", "WHERE "),
)
loosen_where = _operator(
    "loosen_where",
    "Another comparison in a condition.",
    *(
        (r"((?:WHERE|AND|OR|ON)\s+[\w.]+\s*)=(\s*(?:\?|:\w+|[\w.]+))", new)
        for new in (
            r"\1 LIKE \2",
            r"\1 GLOB \2",
            r"\1<=\2",
            r"\1>=\2",
            r"\1<>\2",
            r"\1=\2 COLLATE NOCASE",
            r"\1= trim(\2)",
            r"\1= lower(\2)",
            r"\1= CAST(\2 AS INTEGER)",
            r"\1= substr(\2, 1, 3)",
            r"\1 IS NOT \2",
        )
    ),
    *((r"([\w.]\s*)<(\s*[:?\w])", new) for new in (r"\1<=\2", r"\1<>\2", r"\1>\2")),
    *((r"([\w.]\s*)>(\s*[:?\w])", new) for new in (r"\1>=\2", r"\1<>\2", r"\1<\2")),
    (r"<>|!=", "="),
)
change_conflict = _operator(
    "change_conflict",
    "A duplicate is met otherwise.",
    (r"\bINSERT\s+INTO\b", "INSERT OR IGNORE INTO"),
    (r"\bINSERT\s+INTO\b", "INSERT OR REPLACE INTO"),
    (r"\bINSERT\s+OR\s+IGNORE\s+INTO\b", "INSERT INTO"),
    (r"\bINSERT\s+OR\s+IGNORE\s+INTO\b", "INSERT OR REPLACE INTO"),
    (r"\bINSERT\s+OR\s+IGNORE\s+INTO\b", "INSERT OR ABORT INTO"),
    (r"\bINSERT\s+OR\s+IGNORE\s+INTO\b", "INSERT OR ROLLBACK INTO"),
    (r"\bINSERT\s+OR\s+REPLACE\s+INTO\b", "INSERT OR IGNORE INTO"),
    (r"\s+ON\s+CONFLICT.*?DO\s+NOTHING", ""),
    (r"\bON\s+CONFLICT\s*\([^)]*\)", "ON CONFLICT"),
    (r"\s+ON\s+CONFLICT.*$", ""),
    (r"\bDO\s+UPDATE\s+SET\b.*$", "DO NOTHING"),
    (r"\bUPDATE\s+(?=\w+\s+SET)", "UPDATE OR IGNORE "),
)
change_transaction = _operator(
    "change_transaction",
    "Another BEGIN, or another end.",
    (r"\bBEGIN\s+(?:IMMEDIATE|EXCLUSIVE)\b", "BEGIN"),
    (r"\bBEGIN\s+(?:IMMEDIATE|EXCLUSIVE)\b", "BEGIN DEFERRED"),
    (r"\bBEGIN\b(?!\s*(?:IMMEDIATE|EXCLUSIVE|\n))", "BEGIN IMMEDIATE"),
    (r"^\s*COMMIT\b", "ROLLBACK"),
    (r"^\s*ROLLBACK\b", "COMMIT"),
)
change_table = _operator(
    "change_table",
    "A constraint less, or another one.",
    (r"\s+PRIMARY\s+KEY\b(?!\s*\()", ""),
    (r",?\s*(?:UNIQUE|PRIMARY\s+KEY)\s*\([^)]*\)", ""),
    (r"((?:UNIQUE|PRIMARY\s+KEY)\s*\(\s*)\w+\s*,\s*", r"\1"),
    (r"((?:UNIQUE|PRIMARY\s+KEY)\s*\(\s*\w+)\s*,\s*\w+", r"\1"),
    (r"\bUNIQUE\s+INDEX\b", "INDEX"),
    (r"\s+NOT\s+NULL", ""),
    (r"\s+UNIQUE\b(?!\s*\()", ""),
    (r"\s*CHECK\s*\([^)]*\)", ""),
    (r"\bTEXT\b", "INTEGER"),
    (r"\bTEXT\b", "NUMERIC"),
    (r"\bTEXT\b", "TEXT COLLATE NOCASE"),
    (r"\bTEXT\b", "TEXT COLLATE RTRIM"),
    (r"\bINTEGER\b", "REAL"),
    (r"\bCREATE\s+TABLE\b", "CREATE TEMP TABLE"),
    (r"DEFAULT\s+0", "DEFAULT 1"),
)
change_effect = _operator(
    "change_effect",
    "Another effect.",
    (r"(\bSET\s+\w+\s*=\s*\w+\s*)\+", r"\1-"),
    (r"\bSET\s+(\w+)\s*=\s*\1\s*\+\s*", r"SET \1 = "),
    (r",\s*version\s*=\s*[^,]*?(?=\s+WHERE|,|$)", ""),
    (r"\bversion\s*\+\s*1", "version + 2"),
    (r"\bSUM\b", "MAX"),
    (r"\bSUM\s*\(", "SUM(DISTINCT "),
    (r"\bSUM\b", "COUNT"),
    (r"\bCOALESCE\s*\((.*?),\s*0\)", r"\1"),
    (r"\bMAX\b", "MIN"),
    (r"\bGROUP\s+BY\s+[\w., ]+", ""),
    (r"\bSELECT\b(?!\s+DISTINCT)", "SELECT DISTINCT"),
    (r"\bsettled\s*=\s*(?:1|TRUE)", "settled = 0"),
    (r"\s+RETURNING\b.*$", ""),
    (r"\bDELETE\s+FROM\s+(\w+)\s+WHERE.*$", r"DELETE FROM \1"),
    (r"$", " LIMIT 1"),
)
OPERATORS: tuple[Operator, ...] = (
    drop_where,
    loosen_where,
    change_conflict,
    change_transaction,
    change_table,
    change_effect,
)
