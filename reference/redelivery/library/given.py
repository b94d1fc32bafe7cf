"""What the user's functions are given, by the names of their parameters, and the calls of one process.

As with pytest's fixtures, a function says what it wants by how it calls it:

============== ==========================================================================================
``db``         a `sqlite_utils.Database`
``connection`` a connection of the module `sqlite3` (``conn`` is the same)
``session``    a `sqlalchemy.orm.Session`, new for each delivery (for ``make=``: for each process)
``engine``     a `sqlalchemy.Engine`
``redis``      a `redis.Redis`
a service's    what calls that service; in a claim, a list of what has arrived there
============== ==========================================================================================
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..simulation.memory import Entry, Opaque, fingerprint
from ..simulation.message import Message
from .mistakes import CannotCheck
from .outside import Fake, Service
from .project import ProjectCopier
from .stand_ins import StandIns, stays_failed

STORES = ("db", "connection", "conn", "session", "engine", "redis")
#: Under this key a message that is no `Message` is kept in the body of one.
RAW = ""
_NOT_MADE = ("not made",)


def shown(function: Any) -> str:
    """What a sentence calls a function."""
    name = getattr(function, "__qualname__", None) or type(function).__name__
    return "the lambda" if name.endswith("<lambda>") else f"{name}()"


def parameters_of(function: Any, what: str) -> list[inspect.Parameter]:
    """The parameters of a function.

    Raises:
        CannotCheck: it is none, or they can't be read.
    """
    if not callable(function):
        raise CannotCheck(f"{what} has to be a function; it is of type {type(function).__name__}")
    try:
        return _parameters(function)
    except (ValueError, TypeError):
        raise CannotCheck(f"the parameters of {what} can't be read: wrap it in a lambda") from None


def _parameters(function: Any) -> list[inspect.Parameter]:
    """Those of what is called. A decorator's function with parameters of its own hands in what the one below wants; one
    that takes anything passes on what it gets::

        def inner(message):                      with Session.begin() as session: return function(message, session)
        def inner(*arguments, **named):          return function(*arguments, **named)
    """
    if isinstance(function, types.MethodType):
        return _parameters(function.__func__)[1:]
    found = list(inspect.signature(function, follow_wrapped=False).parameters.values())
    below = getattr(function, "__wrapped__", None)
    if below is not None and any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in found):
        return _parameters(below)
    return found


def wanted(function: Any, known: Sequence[str], what: str, first: int = 0) -> tuple[str, ...]:
    """The names that ``function`` wants to be given, after its ``first`` parameters.

    Raises:
        CannotCheck: it has fewer than these, or wants something that is not known.
    """
    parameters = parameters_of(function, what)
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    if sum(p.kind in kinds for p in parameters) < first and not any(p.kind is p.VAR_POSITIONAL for p in parameters):
        need = ("", "the message", "the handler and the message")[first]
        raise CannotCheck(f"{what} has to take {need} first; it takes ({', '.join(p.name for p in parameters)})")
    found = []
    for parameter in parameters[first:]:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        if parameter.name in known:
            found.append(parameter.name)
        elif parameter.default is parameter.empty:
            raise CannotCheck(_unknown(function, parameter.name, parameters, known, what, first))
    return tuple(found)


def _unknown(
    function: Any, name: str, parameters: Sequence[inspect.Parameter], known: Sequence[str], what: str, first: int
) -> str:
    """What to say where a function wants something that is not known."""
    if first == 1 and parameters[0].name == "self":
        kind, _, method = function.__qualname__.rpartition(".")
        return (
            f"{what} is a method, and there is no object: "
            f"call=lambda {method}, message, session: {method}({kind}(session), message)"
        )
    advice = (
        "Say how it is called: call=lambda handle, message, db: handle(message, db)"
        if first
        else "Name its parameters as these are named"
    )
    return f"{what} wants `{name}`, and there is nothing of that name. There are {', '.join(known)}. {advice}"


@dataclass(frozen=True)
class Plan:
    """How a process calls the user's code.

    ``handler`` is what is checked; ``make``, where there is one, is called once in each process, with the handler and
    what it wants, and what it returns is the handler from then on. ``call`` is called with the handler and the message.
    ``jobs``: functions that are called beside it, by name.
    """

    handler: Any
    call: Callable[..., Any] | None
    make: Callable[..., Any] | None
    known: tuple[str, ...]
    services: dict[str, Service]
    stand_ins: StandIns
    jobs: dict[str, Callable[..., Any]] = field(default_factory=dict)

    def entries(self, copier: ProjectCopier) -> dict[str, Entry]:
        """What the world calls, in a new process."""
        process = _Process(self, copier)
        found = {"handle": Entry(process.deliver, process.parts)}
        for name, job in self.jobs.items():
            copied = copier.copy(job)
            found[name] = Entry(functools.partial(process.run_job, copied), functools.partial(list, [copied]))
        return found


class _Process:
    """One process: its copies, and what they are given."""

    def __init__(self, plan: Plan, copier: ProjectCopier) -> None:
        self._plan = plan
        self._before, self._after = copier.before, copier.after
        self._imported = copier.imported_inside
        self._handler = copier.copy(plan.handler)
        self._call = copier.copy(plan.call)
        self._make = copier.copy(plan.make)
        self._made: Any = _NOT_MADE
        self._made_with: _Given | None = None
        self._as_made: Any = None

    def parts(self) -> list[Any]:
        """What the process holds of the user's. What it has made and not changed since, another would make again."""
        made = self._made
        if made is not _NOT_MADE:
            try:
                made = _NOT_MADE if fingerprint({"": made}) == self._as_made else made
            except Opaque:
                pass
        return [self._handler, self._call, self._make, made, *self._imported()]

    def deliver(self, message: Message, db: Any, redis: Any = None) -> Any:
        """Handle one message."""
        plan = self._plan
        content = message.body.get(RAW, message)
        given = _Given(plan, db, redis)
        try:
            for begin in self._before:
                begin()
            handler = self._handler
            if plan.make is not None:
                if self._made is _NOT_MADE:
                    self._made_with = _Given(plan, db, redis)
                    self._made = self._make(
                        self._handler, **self._made_with.of(wanted(plan.make, plan.known, "make", 1))
                    )
                    try:
                        self._as_made = fingerprint({"": self._made})
                    except Opaque:
                        self._as_made = None
                handler = self._made
            if self._call is None:
                return _finished(handler(content, **given.of(wanted(plan.handler, plan.known, "the handler", 1))))
            return _finished(self._call(handler, content, **given.of(wanted(plan.call, plan.known, "call", 2))))
        finally:
            given.close()
            if self._made_with is not None:
                self._made_with.release()
            for end in self._after:
                end()

    def run_job(self, job: Any, db: Any, redis: Any = None) -> Any:
        """Run something that is no handler."""
        given = _Given(self._plan, db, redis)
        try:
            for begin in self._before:
                begin()
            return _finished(job(**given.of(wanted(job, self._plan.known, shown(job)))))
        finally:
            given.close()
            for end in self._after:
                end()


def _finished(result: Any) -> Any:
    """What a call comes to: a coroutine is run to its end."""
    return asyncio.run(result) if inspect.iscoroutine(result) else result


class _Given:
    """What one call is given; what has to be closed is closed after it."""

    def __init__(self, plan: Plan, db: Any, redis: Any) -> None:
        self._plan, self._db, self._redis = plan, db, redis
        self._session: Any = None

    def of(self, names: Sequence[str]) -> dict[str, Any]:
        """These, by name."""
        return {name: self._one(name) for name in names}

    def _one(self, name: str) -> Any:
        if name == "db":
            return self._db
        if name in ("connection", "conn"):
            return self._db.conn
        if name == "redis":
            return self._redis
        if name == "engine":
            return self._plan.stand_ins.engine()
        if name == "session":
            if self._session is None:
                from sqlalchemy.orm import Session

                self._session = Session(self._plan.stand_ins.engine())
            return self._session
        return Fake(name, self._plan.services[name])

    def close(self) -> None:
        """After the call."""
        if self._session is not None:
            self._session.close()

    def release(self) -> None:
        """After a call that is not the last one: what has failed stays so."""
        if self._session is not None and not stays_failed(self._session):
            self._session.close()
