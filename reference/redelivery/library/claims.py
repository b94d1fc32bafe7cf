"""Claims: what has to hold, as functions that look at what a run has left.

A claim is a function that returns True or False. It says by the names of its parameters what it looks at (see `given`),
and gets it as it was at the end of a run, or (`always`) at some moment in one::

    claim=lambda db: db["account"].get(666)["balance"] == 100
    claim={"paid once": lambda payments: len(payments) == 1, "no debt": always(no_debt)}
"""

from __future__ import annotations

import inspect
import linecache
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import sqlite_utils

from ..exploration.stage import KINDS, SERVICES
from ..simulation.guards import guarded
from ..simulation.operations import RedisCommand, RedisReply, RedisTransaction
from ..simulation.sqlite_store import Contents, rows_of
from .given import wanted
from .mistakes import CannotCheck
from .outside import Sent, arrived

if TYPE_CHECKING:
    from ..simulation.redis_store import RedisStore

#: The table of contents in which Redis's keys are.
REDIS = "redis keys"
MARKS = "other redis keys"
"""Those that no claim looks at."""
DEAD = "dead letters"
MUST_BE_REFUSED = "was acknowledged, must reach the dead-letter queue"
#: What contents hold beside the user's tables.
INNER = frozenset({SERVICES, REDIS, MARKS, DEAD, KINDS, "answers", "performed", "faults"})


@dataclass(frozen=True)
class Claim:
    """One claim. Made by `final`, `always` and `as_often_as`."""

    function: Callable[..., Any]
    name: str = ""
    when: str = "final"
    messages: Callable[[Any], bool] | int | None = None

    def named(self, name: str) -> Claim:
        """The same under a name."""
        return replace(self, name=name)


def final(function: Callable[..., bool], name: str = "") -> Claim:
    """Holds when everything is acknowledged. What is given to ``claim=`` without more is such a claim.

    >>> final(lambda db: db["account"].count == 1, "one account").name
    'one account'
    """
    return Claim(function, name)


def always(function: Callable[..., bool], name: str = "") -> Claim:
    """Holds at any time, in what is committed then.

    >>> always(lambda db: db["account"].count <= 1).when
    'always'
    """
    return Claim(function, name, "always")


def as_often_as(function: Callable[..., int], name: str = "", messages: Callable[[Any], bool] | int = -1) -> Claim:
    """What ``function`` counts happens as often as there are messages: never more often, and so often at the end.

    ``messages``: how many, or which of them count (a function of a message); by default all.

    >>> as_often_as(lambda mail: len(mail), "mails").when
    'as often as'
    """
    return Claim(function, name, "as often as", messages)


def claims_of(claim: Any, what: str = "claim") -> tuple[Claim, ...]:
    """The claims that were given, each with a name.

    Raises:
        CannotCheck: there are none, or something else was given.
    """
    if claim is None:
        raise CannotCheck(
            "there is no claim, so nothing could be wrong: say what has to hold in the end, such as "
            'claim=lambda db: db["account"].get(666)["balance"] == 100'
        )
    if isinstance(claim, Mapping):
        found = [_claim(one, what).named(str(name)) for name, one in claim.items()]
    elif isinstance(claim, list | tuple):
        found = [_claim(one, what) for one in claim]
    else:
        found = [_claim(claim, what)]
    if not found:
        raise CannotCheck("the list of claims is empty, so nothing could be wrong: say what has to hold in the end")
    return tuple(
        replace(one, name=f'"{one.name}"') if one.name else one.named(_described(one.function)) for one in found
    )


def _claim(one: Any, what: str) -> Claim:
    if isinstance(one, Claim):
        return one
    if not callable(one):
        raise CannotCheck(
            f"{what} has to be a function that returns True or False, such as lambda db: …; "
            f"it is of type {type(one).__name__}"
        )
    if inspect.iscoroutinefunction(one):
        raise CannotCheck(
            f"{what} {_described(one)} is a coroutine function, and nobody awaits it: take the async away"
        )
    return Claim(one)


def _described(function: Any) -> str:
    """What a claim without a name is called: its function's name, or the text of a lambda."""
    name = getattr(function, "__name__", type(function).__name__)
    if name != "<lambda>":
        return f'"{name.replace("_", " ")}"'
    code = function.__code__
    with suppress(Exception):
        import ast

        source = "".join(linecache.getlines(code.co_filename))
        lambdas = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Lambda)]
        here = [n for n in lambdas if n.lineno == code.co_firstlineno]
        if len(here) > 1:
            columns = next(code.co_positions())
            here = [n for n in here if columns[2] is not None and n.body.col_offset <= columns[2]] or here
        text = " ".join((ast.get_source_segment(source, here[-1].body) or "").split())
        if text:
            return f"`{text if len(text) <= 90 else text[:87] + '…'}`"
    return "as it was given"


class Judge:
    """Evaluates claims on contents, each on different contents once."""

    def __init__(
        self,
        claims: Sequence[Claim],
        schema: sqlite3.Connection,
        services: Sequence[str],
        messages: Sequence[Any],
        poison: Sequence[str],
    ) -> None:
        self._claims, self._services, self._messages, self._poison = claims, services, messages, poison
        self._schema = schema
        self._known = ("db", "connection", "conn", "session", "engine", "redis", "dead", *services)
        self._wants = {id(c): wanted(c.function, self._known, f"the claim {c.name}") for c in claims}
        self.looked_at: set[str] = set()
        """The tables, keys and services that claims have looked at."""
        self.keys_looked_at: set[str] = set()
        """Redis's keys that claims have named; ``*`` where one has looked at all."""
        self._final: dict[Any, str | None] = {}
        self._always: dict[Any, str | None] = {}
        self._database: sqlite3.Connection | None = None
        self._engine: Any = None
        self._redis: RedisStore | None = None
        self._tables: dict[str, int] = {}
        self.wants_redis = any("redis" in wants for wants in self._wants.values())

    @property
    def has_always(self) -> bool:
        """Whether some claim has to hold at any time."""
        return any(claim.when != "final" for claim in self._claims)

    def at_end(self, contents: Contents) -> str | None:
        """What is wrong with the contents at the end of a run; None where nothing is."""
        if contents not in self._final:
            self._final[contents] = self._wrong(contents, True)
        return self._final[contents]

    def at_any_time(self, contents: Contents) -> str | None:
        """What is wrong with what is committed at some time."""
        if contents not in self._always:
            self._always[contents] = self._wrong(contents, False)
        return self._always[contents]

    def try_on(self, contents: Contents) -> CannotCheck | None:
        """Evaluate each claim, whatever it says; what is wrong with the first that says nothing.

        That counts only where it is wrong of every run: before the first message a row may be missing.
        """
        found = None
        for claim in self._claims:
            try:
                self._one(claim, contents, at_end=False)
            except CannotCheck as error:
                found = found or error
        return found

    def _wrong(self, contents: Contents, at_end: bool) -> str | None:
        if at_end:
            dead = {row[0] for row in rows_of(contents, DEAD)}
            for identity in self._poison:
                if identity not in dead:
                    return f"message {identity} {MUST_BE_REFUSED}"
        claims = [c for c in self._claims if at_end or c.when != "final"]
        for claim in claims:
            wrong = self._one(claim, contents, at_end)
            if wrong is not None:
                return wrong
        return None

    def _one(self, claim: Claim, contents: Contents, at_end: bool) -> str | None:
        value = self.evaluate(claim, contents)
        if claim.when == "as often as":
            if type(value) is not int:
                raise CannotCheck(f"{claim.name} has to count, that is to return an int; it returned {_value(value)}")
            must = self._count(claim)
            if value == must or (not at_end and value < must):
                return None
            return f"{claim.name}: {value}, must be {must}"
        if value is True:
            return None
        if value is not False:
            raise CannotCheck(
                f"the claim {claim.name} has to return True or False; it returned {_value(value)}. "
                "Compare what it looks at with what it must be: … == 100"
            )
        holds = "does not hold" if at_end else "did not hold all the time"
        return f"the claim {claim.name} {holds}"

    def _count(self, claim: Claim) -> int:
        if callable(claim.messages):
            try:
                return sum(bool(claim.messages(message)) for message in self._messages)
            except Exception as error:
                raise CannotCheck(
                    f"messages= of {claim.name} raised {told(error)}. It is asked of each message whether that counts"
                ) from None
        return len(self._messages) if claim.messages is None or claim.messages < 0 else claim.messages

    # -- evaluating ------------------------------------------------------------------------------------

    def evaluate(self, claim: Claim, contents: Contents) -> Any:
        """What the claim's function says of these contents.

        Raises:
            CannotCheck: it raised.
        """
        with guarded():
            self._fill(contents)
            try:
                given = {name: self._given(name, contents) for name in self._wants[id(claim)]}
                return claim.function(**given)
            except CannotCheck:
                raise
            except AssertionError as error:
                raise CannotCheck(
                    f"the claim {claim.name} has to return True or False; it asserts instead ({told(error)}). "
                    "Return what it asserts"
                ) from None
            except Exception as error:
                raise CannotCheck(
                    f"the claim {claim.name} raised {told(error)}. It has to return True or "
                    f"False of whatever a run leaves, and here a run left {described(contents, self.columns)}"
                ) from None
            finally:
                self._done()

    def _given(self, name: str, contents: Contents) -> Any:
        if name == "db":
            return sqlite_utils.Database(self._connection(), execute_plugins=False)
        if name in ("connection", "conn"):
            return self._connection()
        if name == "engine":
            return self._engine_here()
        if name == "session":
            from sqlalchemy.orm import Session

            self._session = Session(self._engine_here())
            return self._session
        if name == "redis":
            self.looked_at.add(REDIS)
            return self._redis_with(contents)
        if name == "dead":
            self.looked_at.add(DEAD)
            return [row[0] for row in rows_of(contents, DEAD)]
        self.looked_at.add(SERVICES)
        return requests_to(contents, name)

    _session: Any = None

    def _done(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None
        if self._database is not None:
            self._database.execute("PRAGMA query_only=off")

    def _connection(self) -> sqlite3.Connection:
        assert self._database is not None
        return self._database

    def _engine_here(self) -> Any:
        if self._engine is None:
            from .alchemy import engine_over

            self._engine = engine_over(self._connection())
        return self._engine

    @property
    def columns(self) -> Mapping[str, int]:
        """How many columns each table has that a user sees."""
        return self._tables

    def _fill(self, contents: Contents) -> None:
        """Make the database of these contents."""
        if self._database is None:
            self._database = sqlite3.connect(":memory:", check_same_thread=False)
            self._schema.backup(self._database)
            for (name,) in self._database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                self._database.execute(f"DROP TRIGGER {_quoted(name)}")
            self._database.commit()
            self._database.execute("PRAGMA foreign_keys=off")
            self._database.set_authorizer(self._note)
        database = self._database
        if database.in_transaction:
            database.rollback()
        database.row_factory = None
        database.isolation_level = None
        looked = set(self.looked_at)
        database.execute("BEGIN")
        seen: set[str] = set()
        for name, rows in contents:
            if name in seen:
                continue  # the user's tables come first, and may be called as one of those beside them
            seen.add(name)
            columns = database.execute("SELECT name, type, pk FROM pragma_table_info(?)", (name,)).fetchall()
            if not columns and name in INNER:
                continue
            if not columns and name != "sqlite_sequence":
                raise CannotCheck(
                    f"the handler makes the table {name} itself, where a claim can't know it: make it with schema=, so "
                    "that it is there before the first message"
                )
            self._tables[name] = len(columns)
            database.execute(f"DELETE FROM {_quoted(name)}")
            picked = [_quoted(column[0]) for column in columns]
            if rows and len(rows[0]) == len(picked) + 1:
                names = {str(column[0]).lower() for column in columns}
                picked.insert(0, next(r for r in ("rowid", "_rowid_", "oid") if r not in names))
            marks = ",".join("?" * len(picked))
            database.executemany(f"INSERT INTO {_quoted(name)} ({', '.join(picked)}) VALUES ({marks})", rows)
        database.execute("COMMIT")
        database.execute("PRAGMA query_only=on")
        database.isolation_level = "DEFERRED"
        self.looked_at = looked

    def _note(self, action: int, table: str | None, *_: Any) -> int:
        if action == sqlite3.SQLITE_READ and table and not table.startswith(("sqlite_", "pragma_")):
            self.looked_at.add(table)
        return sqlite3.SQLITE_OK

    def _redis_with(self, contents: Contents) -> Any:
        """A client of a Redis that holds these keys."""
        from ..simulation.redis_client import make_client
        from ..simulation.redis_store import RedisStore

        if self._redis is None:
            self._redis = RedisStore()
        kinds: dict[Any, Any] = dict(rows_of(contents, KINDS))  # type: ignore[arg-type]
        keys: Any = (*rows_of(contents, REDIS), *rows_of(contents, MARKS))
        self._redis.load(tuple(sorted((key, kinds[key], value, ttl) for key, value, ttl in keys)))
        return make_client(self._ask_redis, self._refuse)

    def _ask_redis(self, request: Any) -> RedisReply:
        """For a claim's client: what it asks is carried out, and the keys that it names are noted."""
        from ..simulation.redis_keys import keys_of

        assert self._redis is not None
        commands = [request.arguments] if isinstance(request, RedisCommand) else getattr(request, "commands", ())
        for command in commands:
            named = [key.decode(errors="replace") for key in keys_of(command)]
            self.keys_looked_at.update(named or ["*"])
        if isinstance(request, RedisCommand):
            return self._redis.execute(request.arguments).reply
        if isinstance(request, RedisTransaction):
            return self._redis.transact(request.commands).reply
        return RedisReply(b"OK")

    @staticmethod
    def _refuse(what: str) -> None:
        raise CannotCheck(f"a claim can't use {what}: it is not simulated")


def requests_to(contents: Contents, service: str) -> list[Sent]:
    """What has arrived at one service."""
    return [arrived(str(row[2])) for row in rows_of(contents, SERVICES) if row[1] == service]


def visible(name: str, row: tuple[Any, ...], columns: Mapping[str, int]) -> tuple[Any, ...]:
    """A row without the hidden rowid that may stand in front of it."""
    return row[1:] if len(row) == columns.get(name, len(row)) + 1 else row


def described(contents: Contents, columns: Mapping[str, int]) -> str:
    """Contents in one line: each table with its rows."""
    found = []
    for name, rows in contents:
        if name.startswith("sqlite_") or (name in INNER and name not in (SERVICES, REDIS, MARKS, DEAD)):
            continue
        if name == SERVICES:
            names = sorted({str(row[1]) for row in rows})
            found += [f"{n}: {len(requests_to(contents, n))} arrived" for n in names]
            continue
        shown = [_row(visible(name, row, columns)) for row in rows[:6]]
        more = f" and {len(rows) - 6} more" if len(rows) > 6 else ""
        found.append(f"{name}: {', '.join(shown) or 'empty'}{more}")
    return "; ".join(found) or "nothing"


def _row(row: tuple[Any, ...]) -> str:
    return f"({', '.join(map(repr, row))})"


def _value(value: Any) -> str:
    if value is None:
        return "None"
    text = repr(value)
    return f"{text if len(text) <= 60 else text[:57] + '…'} ({type(value).__name__})"


def told(error: BaseException) -> str:
    """An error's kind and text.

    >>> told(KeyError())
    'KeyError'
    """
    text = _text(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _text(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= 200 else text[:200] + "…"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


__all__ = ["Claim", "Judge", "always", "as_often_as", "claims_of", "described", "final"]
