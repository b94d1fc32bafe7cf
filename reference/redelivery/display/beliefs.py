"""What each process believes: what it last read, and since when somebody else's commit has made that untrue.

A consumer that looks, thinks and acts is right only as long as nobody changes what it looked at::

    A  reads: 8 not there ──────────────── believes it ──────────── acts on it
    B                  reads: 8 not there, credits 8, marks 8 ↯

Whether something contradicts a belief is not guessed: the same question is asked again of what is committed then.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ..exploration.replay import Event, Operation, Run
from ..simulation.operations import RedisCommand, RedisFailure, RedisReply, SqlFailure, SqlResult, SqlStatement
from ..simulation.redis_keys import keys_of
from ..simulation.sqlite_statements import first_keyword
from ..simulation.sqlite_store import Contents
from .coins import Coin, intent_of

_MOST_NOTES = 3
_LONGEST = 46
#: Instructions of SQLite that a question may take when it is asked again.
_PATIENCE = 200_000
_MOST_TEXT = 1_000_000
#: A question asks for nothing else, whoever wrote it.
_READING = (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE)
_DENIED = sqlite3.SQLITE_DENY
_LITERAL = re.compile(r"'((?:[^']|'')*)'|(?<![\w.])(-?\d+)(?![\w.])")


@dataclass(frozen=True, slots=True)
class Belief:
    """What one process read in one step."""

    process: str
    step: int
    text: str
    tables: frozenset[str]
    against: str = ""
    """What contradicts it, in a sentence; empty as long as nothing does."""
    against_step: int = 0
    against_table: str = ""


@dataclass(frozen=True, slots=True)
class _Held:
    belief: Belief
    message: int
    delivery: int
    question: Operation | None
    """What to ask again; None: it is what the process wrote itself."""
    nothing: bool
    """It found nothing."""
    answer: object = None


def beliefs_of(run: Run, coins: Sequence[Sequence[Coin]]) -> list[tuple[Belief, ...]]:
    """What all processes believe after each step; the first entry is before all steps."""
    asking = _Asking(run)
    held: dict[str, list[_Held]] = {}
    found: list[tuple[Belief, ...]] = [()]
    before = run.first
    for event in run.events:
        if event.kind in _ENDS or (event.kind == "receive" and run.scenario.loop is None) or event.kind in _BEGINS:
            held.pop(event.process, None)
        mine = held.setdefault(event.process, [])
        for operation in event.operations:
            # What it has changed itself it no longer takes for what it had read.
            changed_by_itself = {name for name, *_ in operation.changed}
            mine[:] = [h for h in mine if h.belief.against or not h.belief.tables & changed_by_itself]
            for new in _learned(event, operation):
                new = replace(new, answer=asking.told(new.question, event.contents))
                same = [h for h in mine if _about(h) == _about(new) or (new.question is None and _touches(h, new))]
                mine[:] = [*(h for h in mine if h not in same), new][-_MOST_NOTES:]
        changed = frozenset(_changed(before, event.contents))
        left = coins[event.number] if event.number < len(coins) else ()
        for process, notes in held.items():
            held[process] = [
                _against(run, event, h, changed, asking, left, coins[event.number - 1], process) for h in notes
            ]
        before = event.contents
        found.append(tuple(h.belief for notes in held.values() for h in notes))
    return found


_ENDS = frozenset({"ack", "stale ack", "lost ack", "give back", "dead letter", "crash", "end", "dies", "answer"})
_BEGINS = frozenset({"start", "packet"})


def _about(held: _Held) -> object:
    question = held.question
    return (question.request if question is not None else None, held.belief.tables)


def _touches(one: _Held, other: _Held) -> bool:
    return bool(one.belief.tables & other.belief.tables)


def _learned(event: Event, operation: Operation) -> Iterable[_Held]:
    """What a process knows by one operation."""
    told, request = operation.told, operation.request
    if operation.free and not operation.reads:
        return
    text, nothing = "", False
    if isinstance(request, SqlStatement):
        tables = operation.reads | operation.writes
        if isinstance(told, SqlFailure):
            if not told.text.startswith("UNIQUE constraint failed"):
                return
            text = f"{_named(request) or 'it'} is in {', '.join(sorted(operation.writes)) or 'the table'} already"
        elif not isinstance(told, SqlResult):
            return
        elif operation.writes:
            text = f"changed no row of {', '.join(sorted(operation.writes))}" if told.rowcount == 0 else ""
            tables = operation.writes
        elif operation.reads and told.columns is not None:
            text, nothing = _read(request, told, ", ".join(sorted(operation.reads)))
        if not text:
            return
        question = operation if operation.reads and not operation.writes else None
        belief = Belief(event.process, event.number, _short(text), tables)
        yield _Held(belief, event.message, event.delivery, question, nothing)
    elif (
        isinstance(request, RedisCommand) and isinstance(told, RedisReply) and not isinstance(told.value, RedisFailure)
    ):
        keys = [key.decode(errors="replace") for key in keys_of(request.arguments)]
        if not keys:
            return
        name = request.arguments[0].decode(errors="replace").upper()
        if operation.writes and not operation.reads:
            text = f"{name} {keys[0]} answered {_reply(told.value)}"
        elif told.value in (None, 0, b"", ()):
            text, nothing = f"no {keys[0]}", True
        else:
            text = f"{keys[0]} is {_reply(told.value)}"
        question = operation if not operation.writes else None
        tables = operation.reads | operation.writes
        yield _Held(Belief(event.process, event.number, _short(text), tables), event.message, -1, question, nothing)


def _read(request: SqlStatement, told: SqlResult, table: str) -> tuple[str, bool]:
    """What a question was answered, in a few words, and whether that was nothing."""
    what = _named(request)
    rows = told.rows
    single = rows[0][0] if len(rows) == 1 and len(rows[0]) == 1 else ...
    lowered = request.sql.lower()
    counting = "count(" in lowered or "exists" in lowered or re.match(r"\s*select\s+1\b", lowered) is not None
    if not rows or (single == 0 and counting):
        return (f"{what} not in {table}" if what else f"nothing in {table}"), True
    if counting and single is not ...:
        if single == 1:
            return (f"{what} is in {table}" if what else f"one row in {table}"), False
        return f"{_value(single)} rows{f' of {what}' if what else ''} in {table}", False
    if len(rows) == 1:
        names = told.columns or ()
        if len(rows[0]) == 1:
            shown = f"{names[0]} {_value(rows[0][0])}" if names else _value(rows[0][0])
        else:
            pairs = [(n, _value(v)) for n, v in zip(names, rows[0], strict=False)]
            new = [pair for pair in pairs if pair[1] not in what.split(", ")] or pairs
            shown = ", ".join(f"{name} {value}" for name, value in new)
        return f"{table}{f' {what}' if what else ''}: {shown}", False
    return f"{len(rows)} rows{f' of {what}' if what else ''} in {table}", False


def _named(request: SqlStatement) -> str:
    """The values that a statement names."""
    if request.parameters:
        values = [v[1] for v in request.parameters] if request.named else list(request.parameters)
        return ", ".join(map(_value, values[:3]))
    where = re.split(r"\bwhere\b|\bvalues\b", request.sql, maxsplit=1, flags=re.IGNORECASE)
    found = _LITERAL.findall(where[1]) if len(where) > 1 else []
    return ", ".join((text or number) for text, number in found[:3])


def _value(value: object) -> str:
    return "NULL" if value is None else value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _reply(value: object) -> str:
    if isinstance(value, tuple):
        return f"{len(value)} values"
    return "nothing" if value is None else _value(value)


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


# -- what contradicts it -----------------------------------------------------------------------------------


def _changed(before: Contents, after: Contents) -> Iterable[str]:
    if before is after or before == after:
        return
    old, new = dict(before), dict(after)
    yield from (name for name in dict.fromkeys([*old, *new]) if old.get(name, ()) != new.get(name, ()))


def _against(
    run: Run,
    event: Event,
    held: _Held,
    changed: frozenset[str],
    asking: _Asking,
    coins: Sequence[Coin],
    earlier: Sequence[Coin],
    process: str,
) -> _Held:
    """``held``, and what contradicts it since this step."""
    belief = held.belief
    if belief.against or held.question is None or event.kind == "blocked":
        return held
    if event.process != process and changed & belief.tables:
        answer = asking.again(held.question, event.contents)
        if answer is not None and answer != held.answer:
            table = sorted(changed & belief.tables)[0]
            said = asking.said(held.question, answer)
            words = f"{event.process} changed that in step {event.number}{f': {said}' if said else ''}"
            return replace(held, belief=replace(belief, against=words, against_step=event.number, against_table=table))
    if held.nothing and held.message >= 0:
        # It found no trace of a message; somebody else has had its effect.
        effect = next((c for c in coins if _is_same(run, held, c, process)), None)
        if effect is not None and effect.table in run.scenario.effects:
            already = "already, " if effect.step < belief.step else ""
            words = f"{effect.process} {run.scenario.did} {effect.message} {already}in step {effect.step}"
            return replace(
                held,
                belief=replace(
                    belief, against=words, against_step=max(effect.step, belief.step), against_table=effect.table
                ),
            )
    return held


def _is_same(run: Run, held: _Held, coin: Coin, process: str) -> bool:
    if not coin.message or (coin.process == process and coin.step >= _first_step(run, held)):
        return False
    wanted = intent_of(run, held.message)
    return any(intent_of(run, n) == wanted for n, (i, _) in enumerate(run.scenario.messages) if i == coin.message)


def _first_step(run: Run, held: _Held) -> int:
    return next((e.number for e in run.events if e.delivery == held.delivery and e.delivery >= 0), held.belief.step)


class _Asking:
    """Questions that are asked again, of contents of later."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def told(self, question: Operation | None, contents: Contents) -> object:
        """What it was told, in the form of `again`."""
        if question is None:
            return None
        told = question.told
        return told.rows if isinstance(told, SqlResult) else self._at(question, contents)

    def again(self, question: Operation, contents: Contents) -> object | None:
        """What it would be told now; None where that can't be found out."""
        request = question.request
        if isinstance(request, SqlStatement):
            return self._ask(request, contents)
        if isinstance(request, RedisCommand):
            return self._at(question, contents)
        return None

    def said(self, question: Operation, answer: object) -> str:
        """The answer in words."""
        request = question.request
        if isinstance(request, SqlStatement) and isinstance(answer, tuple) and isinstance(question.told, SqlResult):
            told = question.told._replace(rows=answer)
            text = _read(request, told, ", ".join(sorted(question.reads)))[0]
            return _short(text.partition(": ")[2] or text)
        return ""

    def _at(self, question: Operation, contents: Contents) -> object:
        assert isinstance(question.request, RedisCommand)
        keys = {key.decode(errors="replace") for key in keys_of(question.request.arguments)}
        # The time to live goes by without anybody's doing.
        return frozenset(
            (row[0], repr(row[1])) for _, rows in contents for row in rows if len(row) == 3 and row[0] in keys
        )

    def _ask(self, request: SqlStatement, contents: Contents) -> object | None:
        if first_keyword(request.sql) not in ("SELECT", "WITH"):
            return None
        try:
            with contextlib.closing(sqlite3.connect(":memory:")) as connection:
                self._run.scenario.prepare(connection)
                connection.execute("PRAGMA foreign_keys = OFF")
                for (trigger,) in connection.execute(
                    "SELECT name FROM sqlite_master WHERE type = 'trigger'"
                ).fetchall():
                    connection.execute(f"DROP TRIGGER {_quoted(trigger)}")
                _fill(connection, contents)
                connection.set_progress_handler(lambda: 1, _PATIENCE)
                connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MOST_TEXT)
                connection.set_authorizer(lambda action, *_: sqlite3.SQLITE_OK if action in _READING else _DENIED)
                values = dict(request.parameters) if request.named else request.parameters
                return tuple(tuple(row) for row in connection.execute(request.sql, values).fetchmany(1000))
        except (sqlite3.Error, OverflowError, ValueError, UnicodeError):
            return None


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _fill(connection: sqlite3.Connection, contents: Contents) -> None:
    known = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    for name, rows in contents:
        if name not in known or name.startswith("sqlite_"):
            continue
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({_quoted(name)})")]
        connection.execute(f"DELETE FROM {_quoted(name)}")
        for row in rows:
            names = columns if len(row) == len(columns) else ["rowid", *columns]
            into = ", ".join(map(_quoted, names))
            marks = ", ".join("?" * len(row))
            connection.execute(f"INSERT INTO {_quoted(name)} ({into}) VALUES ({marks})", row)
