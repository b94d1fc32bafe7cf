"""`check`: anybody's consumer, under every schedule within bounds."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import inspect
import json
import logging
import os
import re
import sqlite3
import sys
import warnings
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import sqlite_utils

from ..checking.handler_part import JOURNALS, HandlerPart
from ..checking.part import NotChecked
from ..exploration.replay import Run
from ..exploration.replay import replay as replay_schedule
from ..exploration.schedule import BadSchedule
from ..exploration.stage import SERVICES
from ..scenarios import Answer, Bounds, Call, Contents, Journal, MessageGiven, Scenario, Tool, Undetermined, rows_of
from ..simulation import guards
from ..simulation.memory import CannotCopy
from ..simulation.message import Message
from ..simulation.operations import CallService, RedisCommand, RedisTransaction, SqlStatement
from .claims import DEAD, MARKS, REDIS, Claim, Judge, claims_of, requests_to, told, visible
from .debugging import look_after
from .frameworks import function_of
from .given import RAW, STORES, Plan, parameters_of, shown, wanted
from .mistakes import CannotCheck
from .outside import Fake, Service, names_of, services_of
from .project import Project, ProjectProgram
from .result import NotProved, Replayed, Result, near
from .settings import Settings, current, in_force
from .stand_ins import StandIns

Body = Mapping[str, Any]
#: Claims that a reader's answers must meet: (answer, messages done when it was asked, messages begun when it answered).
Right = Callable[[Any, Sequence[Any], Sequence[Any]], bool]
_PLAIN = (type(None), bool, int, float, str, bytes)
_COVERED = (
    "Every claim holds, whatever is delivered again, crashes, waits or gets lost within these bounds. Not covered: "
    "more consumers, messages or faults than that, and what a simulation leaves out."
)
_READINGS = 3
_NOT_AWAITED = re.compile("coroutine '(.+?)' was never awaited")


@dataclass(frozen=True)
class Reader:
    """Somebody who asks, again and again, while messages are being handled.

    ``function`` is the user's, and answers with an int or a str. ``right(answer, done, begun)`` says whether that may
    be answered where the messages ``done`` were acknowledged when it was asked, and those in ``begun`` had been
    delivered when it answered.
    """

    function: Callable[..., Any]
    right: Right


@dataclass(frozen=True)
class Check:
    """A consumer, and what has to hold of it. The fields are the arguments of `check`."""

    handler: Any
    messages: Sequence[Any]
    claim: Any
    schema: Any = None
    call: Callable[..., Any] | None = None
    make: Callable[..., Any] | None = None
    outside: Any = None
    poison: Sequence[str] = ()
    job: Callable[..., Any] | None = None
    readers: Mapping[str, Reader] = field(default_factory=dict)
    consumers: int | None = None
    faults: int | None = None
    bounds: Bounds | None = None
    seconds: float | None = None
    project: Sequence[str] = ()
    database: str | Path | None = None
    store: Any = None

    def run(self, progress: Callable[[int], None] | None = None) -> Result:
        """Search all schedules within the bounds.

        Raises:
            CannotCheck: something that was given can't be used.
        """
        if self.store is not None:
            with engine_check().prepared(self, current()) as on_engine:
                return on_engine.search(progress)  # type: ignore[no-any-return]
        with _Prepared(self, current()) as prepared:
            return prepared.search(progress)

    def replay(self, token: str) -> Replayed:
        """Carry out one schedule, as a failure names it.

        Raises:
            CannotCheck: the schedule can't be carried out, or something that was given can't be used.
        """
        if self.store is not None:
            with engine_check().prepared(self, current()) as on_engine:
                return on_engine.replay(token)  # type: ignore[no-any-return]
        with _Prepared(self, current()) as prepared:
            return prepared.replay(token)


def engine_check() -> Any:
    """What checks on a real database; imported when it is asked for."""
    from ..engines import check as found

    return found


def check(
    handler: Any,
    *,
    messages: Sequence[Any],
    claim: Any,
    schema: Any = None,
    call: Callable[..., Any] | None = None,
    make: Callable[..., Any] | None = None,
    outside: Any = None,
    poison: Sequence[str] = (),
    job: Callable[..., Any] | None = None,
    readers: Mapping[str, Reader] | None = None,
    consumers: int | None = None,
    faults: int | None = None,
    bounds: Bounds | None = None,
    seconds: float | None = None,
    project: Sequence[str] = (),
    database: str | Path | None = None,
    store: Any = None,
) -> Result:
    """Run a consumer under every schedule of redeliveries, crashes and interleavings within bounds.

    >>> def handle(message, db):
    ...     with db.atomic():
    ...         if db.execute("INSERT OR IGNORE INTO done VALUES (?)", [message["id"]]).rowcount:
    ...             db.execute("UPDATE account SET balance = balance + ?", [message["amount"]])
    >>> result = check(
    ...     handle,
    ...     schema="CREATE TABLE account (balance INTEGER); INSERT INTO account VALUES (0);"
    ...     "CREATE TABLE done (id TEXT PRIMARY KEY);",
    ...     messages=[{"id": "8", "amount": 100}],
    ...     claim=lambda db: db.execute("SELECT balance FROM account").fetchone() == (100,),
    ... )
    >>> result.verdict
    'proved'

    Args:
        handler: A function or a class; what a decorator of Celery, dramatiq or FastStream has made of a function; a
            coroutine function. Called as ``handler(message, …)``, with what its other parameters name: ``db``,
            ``connection``, ``session``, ``engine``, ``redis``, a service of ``outside``.
        messages: Plain data, each handed to the handler as it is; or `Message` objects. A dictionary's ``"id"``
            (``"message_id"``, ``"event_id"``) names it, else its number.
        claim: What has to hold: a function of what a run left, which returns True or False; several in a dictionary, by
            name; `always` and `as_often_as` make other kinds.
        schema: What is there before the first message: SQL, a function of ``db`` (or any other store), SQLAlchemy's
            MetaData or declarative base; or several of these, in order.
        call: How the handler is called, where that is not ``handler(message, …)``: a function of the handler, the
            message, and stores by name.
        make: Called once in each process, with the handler and stores by name; what it returns is the handler of that
            process.
        outside: Names of other services that the world answers for: of arguments (``"mail"``), or of what stands in a
            module (``"shop.mail.send"``); a dictionary says how each behaves (`Service`).
        poison: Ids of messages that must be refused, again and again, and so reach the dead-letter queue.
        job: A function that runs beside the handler, a few times at any time, and once more in the end: an outbox's
            relay, a settlement. It may crash as the handler may, and must not raise where nothing is disturbed.
        readers: `Reader` objects by name.
        consumers, faults: How many processes handle messages, and how many faults a run may have (by default 2 and 2,
            less with many messages).
        bounds: The same in detail.
        seconds: Computing time after which a search is given up (by default 60).
        project: Further packages whose modules are the user's, and so are copied for each process.
        database: The path that the consumer opens with `sqlite3.connect` itself; it leads to the simulated database.
        store: A real database in place of the simulated ones: ``redelivery.engines.postgres("READ COMMITTED")``. The
            handler takes ``connection`` (psycopg's), ``session`` or ``engine``.

    Returns:
        What was proved.

    Raises:
        NotProved: the consumer is refuted, or stuck, or nothing can be said. Its text shows why; see ``result``.
        CannotCheck: something that was given can't be used.
    """
    __tracebackhide__ = True
    this = Check(
        handler,
        messages,
        claim,
        schema,
        call,
        make,
        outside,
        poison,
        job,
        readers or {},
        consumers,
        faults,
        bounds,
        seconds,
        project,
        database,
        store,
    )
    settings = current().counted()
    try:
        with in_force(settings):
            result: Result | Replayed = this.run() if settings.replay is None else this.replay(settings.replay)
        settings.note(result)
    except CannotCheck as error:
        raise CannotCheck(str(error)) from None  # nobody has to read how it came here
    if isinstance(result, Replayed):
        if not result.ends_right:
            raise NotProved(result)
        return result  # type: ignore[return-value]
    if not result.proved:
        raise NotProved(result)
    return result


class CheckLimits:
    """Bounds, from what a check and a test run say."""

    @staticmethod
    def of(given: Check, settings: Settings, fallback: Bounds) -> Bounds:
        """The bounds in force.

        Raises:
            CannotCheck: they are none.
        """
        bounds = fallback if given.bounds is None else given.bounds
        if not isinstance(bounds, Bounds):
            raise CannotCheck(f"bounds= takes redelivery.Bounds(consumers=2, faults=2), not {type(bounds).__name__}")
        for name, least, most in (("consumers", 1, 4), ("faults", 0, 6)):
            value = getattr(settings, name) if getattr(settings, name) is not None else getattr(given, name)
            if value is None:
                continue
            if type(value) is not int or not least <= value <= most:
                raise CannotCheck(f"{name}={value!r} has to be a whole number from {least} to {most}")
            bounds = bounds._replace(**{name: value})
        return bounds


# -- what is prepared for a search ---------------------------------------------------------------------------


class _Prepared:
    """A check with everything that was given looked at and put together."""

    def __init__(self, wanted_check: Check, settings: Settings) -> None:
        self.check = wanted_check
        self.settings = settings
        self.undisturbed: Run | None = None
        self._resources = contextlib.ExitStack()
        try:
            self._prepare()
        except BaseException:
            self._resources.close()
            raise

    def __enter__(self) -> _Prepared:
        return self

    def __exit__(self, *_: object) -> None:
        self._resources.close()

    def _prepare(self) -> None:
        given = self.check
        self._look_at_limits()
        self.function = function_of(given.handler)
        self.messages = _messages(given.messages)
        self.services = services_of(given.outside)
        self.claims = claims_of(given.claim)
        names = names_of(self.services)
        replaced = self._resources.enter_context(_replaced(names, self.services))
        self.services = {names[path]: service for path, service in self.services.items()}
        self._look_at_calls()
        self.stand_ins = StandIns(self._is_database)
        self._resources.enter_context(_database(self._is_database if given.database is not None else None))
        functions = [self.function, given.call, given.make, given.job, *(r.function for r in given.readers.values())]
        own = [f for f in functions if f is not None]
        project = Project(own, _packages(given.project))
        jobs = {"job": given.job} if given.job is not None else {}
        jobs |= {f"reader {name}": reader.function for name, reader in given.readers.items()}
        plan = Plan(self.function, given.call, given.make, self.known, self.services, self.stand_ins, jobs)
        self.schema, self.prepare_redis = _schema(given.schema, self.stand_ins)
        self._resources.callback(self.schema.close)
        self.program = ProjectProgram(project, self.stand_ins, plan.entries, own, replaced)
        self._resources.enter_context(self.program.in_force())
        self._resources.enter_context(self.program.defaults())
        self._resources.enter_context(_quiet())
        self.judge = Judge(
            self.claims,
            self.schema,
            tuple(self.services),
            [body.get(RAW, Message(i, body)) for i, body in self.messages],
            self._poison(),
        )
        self.scenarios = self._scenarios(own)

    @property
    def known(self) -> tuple[str, ...]:
        """Everything that a function may be given, by name."""
        return (*STORES, *self.services)

    def _look_at_limits(self) -> None:
        given = self.check
        for seconds in (given.seconds, self.settings.seconds):
            if seconds is not None and not (isinstance(seconds, int | float) and seconds > 0):
                raise CannotCheck(f"seconds={seconds!r} has to be a number above 0: computing time for the search")
        if given.database is not None and not isinstance(given.database, str | os.PathLike):
            raise CannotCheck(
                'database= takes the path that the consumer opens, such as "shop.db"; it is of type '
                f"{type(given.database).__name__}"
            )

    def _look_at_calls(self) -> None:
        given, function = self.check, self.function
        if given.call is not None:
            wanted(given.call, self.known, "call", 2)
        if given.make is not None:
            wanted(given.make, self.known, "make", 1)
        elif given.call is None:
            if inspect.isclass(function):
                raise CannotCheck(
                    f"{function.__name__} is a class: say how a message gets to it, such as "
                    f"call=lambda {function.__name__}, message, session: {function.__name__}(session).handle(message)"
                )
            if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
                raise CannotCheck(f"{shown(function)} is a generator (it uses yield): calling it would not run it")
            if not callable(function):
                raise CannotCheck(_no_function(function))
            wanted(function, self.known, f"the handler {shown(function)}", 1)
        if given.job is not None:
            wanted(given.job, self.known, f"the job {shown(given.job)}")
        for name, reader in given.readers.items():
            if not isinstance(reader, Reader):
                raise CannotCheck(
                    f"readers={{{name!r}: Reader(function, right)}} is wanted, not {type(reader).__name__}"
                )
            wanted(reader.function, self.known, f"the reader {name}")

    def _is_database(self, path: Any) -> bool:
        """Whether a path is the one that stands for the simulated database."""
        wanted_path = self.check.database
        if wanted_path is None or not isinstance(path, str | bytes | os.PathLike):
            return False
        one, other = Path(os.fsdecode(path)), Path(wanted_path)
        return one == other or one.resolve() == other.resolve() or (len(other.parts) == 1 and one.name == other.name)

    def _poison(self) -> tuple[str, ...]:
        poison = self.check.poison
        if isinstance(poison, str):
            poison = [poison]
        if not isinstance(poison, Iterable):
            raise CannotCheck(
                f'poison= takes the ids of messages, such as ["9"]; it is of type {type(poison).__name__}'
            )
        ids = [identity for identity, _ in self.messages]
        for one in poison:
            if str(one) not in ids:
                raise CannotCheck(f"poison={one!r} names no message; there are {', '.join(ids)}")
        return tuple(map(str, poison))

    # -- scenarios -------------------------------------------------------------------------------------

    def _uses(self, own: Sequence[Any]) -> tuple[bool, bool]:
        """Whether SQLite and Redis are used."""
        names: set[str] = set()
        for function in own:
            with contextlib.suppress(CannotCheck):
                names |= {p.name for p in parameters_of(function, "")}
        names |= {name for claim in self.claims for name in self.judge._wants[id(claim)]}
        redis = "redis" in names or self.stand_ins.uses_redis or self.prepare_redis is not None
        sqlite = bool(names & (set(STORES) - {"redis"})) or self.stand_ins.uses_sqlite
        sqlite = sqlite or self.check.database is not None
        return sqlite or (self.check.schema is not None and self.prepare_redis is None), redis

    def _scenarios(self, own: Sequence[Any]) -> tuple[Scenario, ...]:
        given = self.check
        self.uses_sqlite, uses_redis = self._uses(own)
        tools = (Tool.DB, Tool.REDIS) if uses_redis else (Tool.DB,)
        poison = self._poison()
        judge = self.judge
        job = Call("job", tools) if given.job is not None else None
        watched = tuple(self._watched(uses_redis))
        first = Scenario(
            "the messages" if len(self.messages) > 1 else "the message",
            "handle",
            self.messages,
            self.schema.backup,
            judge.at_end,
            self._bounds(),
            watched=watched,
            call=lambda identity, body: Call("handle", (MessageGiven(identity, body), *tools)),
            never=judge.at_any_time if judge.has_always else None,
            uses_redis=uses_redis,
            prepare_redis=self.prepare_redis,
            redis_table=lambda key: REDIS,
            redis_kinds=uses_redis,
            uses_sqlite=self.uses_sqlite,
            expected_dead=sum(1 << n for n, (identity, _) in enumerate(self.messages) if identity in poison),
            job=job,
            jobs=1 if job else 0,
            runs=2 if job else 0,
            closing=(job,) if job else (),
            did="applied",
        )
        self._look_at_claims(first)
        keys = frozenset(judge.keys_looked_at)
        first = replace(
            first,
            effects=frozenset(judge.looked_at - {DEAD}),
            redis_table=lambda key: REDIS if key in keys or "*" in keys else MARKS,
        )
        found = [first]
        for name, reader in given.readers.items():
            found.append(
                replace(
                    first,
                    name=f"{first.name}, with {name} read in between",
                    job=Call(f"reader {name}", tools),
                    jobs=1,
                    runs=_READINGS,
                    closing=(),
                    hears=self._hears(name, reader),
                    only_if_right=True,
                )
            )
        return tuple(found)

    def _bounds(self) -> Bounds:
        count = len(self.messages)
        fallback = Bounds() if count <= 2 else Bounds(faults=1) if count <= 4 else Bounds(consumers=1, faults=1)
        return CheckLimits.of(self.check, self.settings, fallback)

    def _hears(self, name: str, reader: Reader) -> Callable[[Answer], str | None]:
        bodies = [body.get(RAW, body) for _, body in self.messages]

        def named(bits: int) -> list[Any]:
            return [body for number, body in enumerate(bodies) if bits >> number & 1]

        def hears(answer: Answer) -> str | None:
            right = reader.right(answer.value, named(answer.acknowledged), named(answer.delivered))
            if right not in (True, False):
                raise CannotCheck(f"the right= of the reader {name} has to return True or False, not {right!r}")
            if right:
                return None
            done = [self.messages[n][0] for n in range(len(bodies)) if answer.acknowledged >> n & 1]
            return f"{name} answers {answer.value!r} when {', '.join(done) or 'nothing'} is done"

        return hears

    def _look_at_claims(self, scenario: Scenario) -> None:
        """What the claims look at, found by evaluating them on what is there before the first message."""
        from ..simulation.redis_store import RedisStore
        from ..simulation.sqlite_store import SqliteStore

        with SqliteStore(scenario.prepare, "wal") as store:
            contents = list(store.read())
        if scenario.uses_redis:
            redis = RedisStore(scenario.prepare_redis)
            shown = redis.contents(redis.number_contents())
            contents.append((REDIS, tuple((key, value, ttl) for key, _, value, ttl in shown)))
            contents.append(("redis kinds", tuple((key, kind) for key, kind, _, _ in shown)))
            redis.close()
        self.first = tuple(contents)
        wrong = self.judge.try_on(self.first)
        if not self.judge.looked_at and not self.check.poison and not self.check.readers:
            raise wrong or CannotCheck(
                f"the claim {self.claims[0].name} looks at nothing: it reads no table, no key, and nothing that has "
                "arrived anywhere. Have it take db, session, redis or a service, and look there"
            )

    def _watched(self, uses_redis: bool) -> Iterator[tuple[str, Callable[[Contents], str]]]:
        """What a timeline shows of the stores."""
        tables = [
            row[0]
            for row in self.schema.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY rowid")
            if not row[0].startswith("sqlite_")
        ]
        for name in tables[:4]:
            yield name, self._rows_of(name)
        if uses_redis:
            yield "redis", _redis_keys
        for name in self.services:
            yield name, lambda contents, name=name: str(len(requests_to(contents, name)))  # type: ignore[misc]

    def _rows_of(self, name: str) -> Callable[[Contents], str]:
        columns = {name: len(self.schema.execute("SELECT name FROM pragma_table_info(?)", (name,)).fetchall())}

        def show(contents: Contents) -> str:
            rows = rows_of(contents, name)
            return _short([" ".join(map(str, visible(name, row, columns))) for row in rows])

        return show

    # -- what is done ----------------------------------------------------------------------------------

    @property
    def journals(self) -> tuple[Journal, ...]:
        """SQLite's journal modes that are searched."""
        return JOURNALS if self.uses_sqlite else JOURNALS[:1]

    def part(self, progress: Callable[[int], None] | None = None) -> HandlerPart:
        """What searches."""
        return HandlerPart(
            shown(self.function), 0, self.scenarios, journals=self.journals, covered=_COVERED, progress=progress
        )

    def search(self, progress: Callable[[int], None] | None) -> Result:
        """Search, unless there is nothing to search."""
        before = self.program.originals()
        seconds = self.settings.seconds or self.check.seconds or 60.0
        self._try_once()
        report = self.part(progress).check("", self.program, seconds)
        if isinstance(report.verdict, NotChecked):
            raise CannotCheck(
                report.verdict.reason.replace(". Write your answer in its cell, and run the cell", ". Write it first")
            )
        changed = sorted(name for name, value in self.program.originals().items() if before.get(name, value) != value)
        if changed and report.passed:
            why = (
                f"a run has changed {changed[0]} itself, which all processes share then (it was reached in a way that "
                "could not be followed: importlib, a mapped class, a decorator of a library)"
            )
            report = replace(report, verdict=Undetermined(why, report.schedules))
        if self.stand_ins.left_open and report.passed:
            why = (
                f"a delivery leaves a transaction open on {self.stand_ins.left_open} that the module holds. A real one "
                "stays open: it locks out others, and the next delivery commits it. Commit, or roll back, before the "
                "handler returns or raises"
            )
            report = replace(report, verdict=Undetermined(why, report.schedules))
        return Result.of(self, report)

    def _try_once(self) -> None:
        """One undisturbed run, for what would be wrong with every run."""
        scenario = self.scenarios[0]
        try:
            with _awaited(self.program.files):
                run = replay_schedule(self.program, scenario, (), self.journals[0])
        except BadSchedule:
            return
        self.undisturbed = run
        self._look_at_job(run)
        stores = (SqlStatement, RedisCommand, RedisTransaction, CallService)
        asked = [o.request for event in run.events for o in event.operations]
        raised = next(((e.raised, e.raised_line) for e in run.events if e.raised is not None), None)
        if raised is not None:
            self._look_at_wiring(*raised)
        if not any(isinstance(request, stores) for request in asked) and raised is None and run.hung is None:
            from ..exploration.stage import host_of

            host = host_of(self.program, scenario)
            unsupported = host.unsupported
            host.close()
            if unsupported is None and not self._is_unsupported():
                raise CannotCheck(
                    f"there is nothing to search: {shown(self.function)} has asked no store for anything. Does it use "
                    "a connection of its own? Give it one of the simulation: call=lambda handle, message, connection: …"
                )

    def _look_at_job(self, run: Run) -> None:
        """Whether the job fails even where nothing is disturbed, and so never does its work."""
        if self.check.job is None or not run.ended:
            return
        answers = next((rows for name, rows in reversed(run.final) if name == "answers"), ())
        raised = next((row[2] for row in answers if len(row) == 3 and row[2] is not None), None)
        if raised is not None:
            raise CannotCheck(
                f"the job {shown(self.check.job)} raises {raised!s} after a run in which nothing was disturbed. A job "
                "that finds nothing to do has to return"
            )

    def _is_unsupported(self) -> bool:
        """Whether the handler asked for something that the simulation has not, which a search will name."""
        from ..exploration.search import Search

        scenario = replace(self.scenarios[0], bounds=Bounds(1, 0, 0, 0, 0, 0, 0, 0, 0))
        verdict = Search(self.program, scenario, self.journals[0]).run()
        return isinstance(verdict, Undetermined)

    def _look_at_wiring(self, raised: Any, line: tuple[str, int] | None) -> None:
        """Whether it was the call that raised, not the handler."""
        call = self.check.call
        if _stands_in(line, self.check.make):
            raise CannotCheck(f"make= raised {raised.name}: {raised.text}. It is called once in each process")
        in_call = _stands_in(line, call)
        if raised.name in ("TypeError", "AttributeError", "NameError") and (line is None or in_call):
            raise CannotCheck(
                f"calling the handler raised {raised.name}: {raised.text}. It is called "
                + (
                    "as call= says, which gets the handler first, then the message"
                    if call is not None
                    else "as handler(message, …), with what its parameters name"
                )
                + "; say in call= how it has to be called"
            )
        if raised.name == "TypeError" and "in 'await' expression" in raised.text and self.services:
            raise CannotCheck(
                f"{raised.text}: a service that the handler awaits has to say so, such as "
                f"outside={{{next(iter(self.services))!r}: Service(awaited=True)}}"
            )
        if raised.name == "AttributeError" and "'Database' object has no attribute" in raised.text:
            raise CannotCheck(
                f"{raised.text}: `db` is a sqlite_utils.Database. If your consumer works with the module sqlite3, call "
                "the parameter `connection`: call=lambda handle, message, connection: handle(message, connection)"
            )

    def replay(self, token: str) -> Replayed:
        """Carry out one schedule."""
        number, journal, schedule = parse_token(token)
        try:
            shown_run = self.part().replay("", self.program, schedule, journal, number)
        except (BadSchedule, CannotCopy) as error:
            text = str(error).partition("; the table in the exercise")[0]
            raise CannotCheck(f"this schedule can't be carried out: {text}") from None
        stop, number = self.settings.stop, shown_run.run.point_of_no_return
        if stop is not None and number is not None:
            shown_now = Replayed.of(self, shown_run)
            where = f"{shown_now}\n\nAfter step {number}, no run ends right any more. Consumer"
            look_after(self.program, shown_run.run, number, lambda frame, letter: stop(frame, f"{where} {letter}:"))
        return Replayed.of(self, shown_run)


def parse_token(token: str) -> tuple[int | None, Journal | None, str]:
    """The scenario's number, the journal mode and the schedule that a failure names: ``2/rollback:AA+A``."""
    head, colon, schedule = token.rpartition(":")
    number: int | None = None
    journal: Journal | None = None
    for part in head.split("/") if colon else ():
        if part == "wal":
            journal = "wal"
        elif part == "rollback":
            journal = "rollback"
        elif part.isdigit():
            number = int(part)
        else:
            raise CannotCheck(f"{token!r} is no schedule: before the colon stand a number, wal or rollback")
    return number, journal, schedule


def _redis_keys(contents: Contents) -> str:
    rows = sorted((*rows_of(contents, REDIS), *rows_of(contents, MARKS)), key=lambda row: str(row[0]))
    return _short([f"{row[0]!s}={row[1]!s}" for row in rows])


def _short(rows: Sequence[str]) -> str:
    if not rows:
        return "–"
    text = "; ".join(rows)
    return text if len(text) <= 28 else f"{len(rows)} rows" if len(rows) > 1 else text[:27] + "…"


# -- what was given --------------------------------------------------------------------------------------------


def _stands_in(line: tuple[str, int] | None, function: Any) -> bool:
    """Whether a line is one of a function's own."""
    code = getattr(function, "__code__", None)
    if code is None or line is None or line[0] != code.co_filename:
        return False
    return line[1] in {number for *_, number in code.co_lines() if number}


def _packages(project: Any) -> Sequence[str]:
    """Further packages of the user's."""
    names = [project] if isinstance(project, str) else list(project) if isinstance(project, Iterable) else [project]
    for name in names:
        top = name.partition(".")[0] if isinstance(name, str) else ""
        if not top or (top not in sys.modules and importlib.util.find_spec(top) is None):
            raise CannotCheck(f'project= takes names of packages, such as ["shop"]; there is no package {name!r}')
    return names


def _no_function(thing: Any) -> str:
    """What to say of a handler that can't be called."""
    kind = type(thing)
    if thing is None or kind.__module__ == "builtins":
        return (
            f"the handler has to be a function; it is {'None' if thing is None else f'of type {kind.__name__}'}. Give "
            "the function itself: from shop.consumers import handle, and check(handle, …)"
        )
    return (
        f"the handler is an object of type {kind.__name__}, which can't be called: give its method, "
        "check(consumer.handle, …), or say call=lambda consumer, message: consumer.handle(message)"
    )


def _messages(messages: Any) -> tuple[tuple[str, dict[str, Any]], ...]:
    if not isinstance(messages, list | tuple):
        raise CannotCheck(
            'messages= has to be a list, such as [{"id": "8", "amount": 100}]; '
            f"it is of type {type(messages).__name__}"
        )
    if not messages:
        raise CannotCheck("messages= is an empty list: without a message there is nothing to deliver twice")
    found = []
    for number, message in enumerate(messages, 1):
        body = message.body if isinstance(message, Message) else message
        odd = _not_plain(body)
        if odd is not None:
            raise CannotCheck(
                f"message {number} holds {odd}: messages have to be plain data (numbers, texts, lists, dictionaries), "
                "as a queue carries it. Make anything else of it in call="
            )
        if isinstance(message, Message):
            found.append((message.id, dict(message.body)))
        else:
            found.append((_name_of(message) or str(number), {RAW: message}))
    return tuple(found)


def _name_of(message: Any) -> str | None:
    """What a sentence calls a message: the id that a dictionary has, or one in JSON."""
    if isinstance(message, str | bytes):
        with contextlib.suppress(ValueError):
            message = json.loads(message)
    for key in ("id", "message_id", "event_id") if isinstance(message, dict) else ():
        if isinstance(message.get(key), str | int):
            return str(message[key])
    return None


def _not_plain(thing: Any) -> str | None:
    """What in a message is no plain data, in words."""
    kind = type(thing)
    if kind in _PLAIN:
        return None
    if kind in (list, tuple):
        return next((odd for one in thing if (odd := _not_plain(one)) is not None), None)
    if kind is dict:
        return next((odd for pair in thing.items() for one in pair if (odd := _not_plain(one)) is not None), None)
    return f"an object of type {kind.__module__}.{kind.__qualname__}".replace("builtins.", "")


def _schema(schema: Any, stand_ins: StandIns) -> tuple[sqlite3.Connection, Callable[[Any], None] | None]:
    """A database with what is there before the first message, and what fills Redis.

    Raises:
        CannotCheck: it fails.
    """
    database = sqlite3.connect(":memory:", check_same_thread=False)
    fillers: list[Callable[[Any], None]] = []
    try:
        for one in schema if isinstance(schema, list | tuple) else [schema]:
            filler = _make(one, database)
            if filler is not None:
                fillers.append(filler)
        if database.in_transaction:
            database.commit()
    except CannotCheck:
        database.close()
        raise

    def fill(client: Any) -> None:
        for filler in fillers:
            filler(client)

    return database, fill if fillers else None


def _make(one: Any, database: sqlite3.Connection) -> Callable[[Any], None] | None:
    if one is None:
        return None
    try:
        if isinstance(one, str):
            database.executescript(one)
            return None
        if callable(one) and not inspect.isclass(one):
            names = wanted(one, STORES, "schema")
            if names == ("redis",):
                return one  # type: ignore[no-any-return]
            if "redis" in names:
                raise CannotCheck("schema= has a function that wants redis and another store: give one for each")
            given: dict[str, Any] = {}
            for name in names:
                if name == "db":
                    given[name] = sqlite_utils.Database(database)
                elif name in ("connection", "conn"):
                    given[name] = database
                else:
                    given[name] = _by_alchemy(name, database)
            one(**given)
            session = given.get("session")
            if session is not None:
                session.commit()
                session.close()
            return None
        from .alchemy import engine_over, metadata_of

        metadata = metadata_of(one)
        if metadata is not None:
            metadata.create_all(engine_over(database))
            return None
    except CannotCheck:
        raise
    except ImportError:
        pass
    except Exception as error:
        read = isinstance(one, str) and one.endswith(".sql")
        raise CannotCheck(
            f"the schema fails with {told(error)}. "
            + (
                f"It is SQL, not the name of a file: schema=Path({one!r}).read_text()"
                if read
                else "It is carried out once, on an empty SQLite database"
            )
        ) from None
    raise CannotCheck(
        "schema= takes SQL, a function of db (or connection, session, engine, redis), SQLAlchemy's MetaData or base "
        f"class, or a list of these; not {type(one).__name__}"
    )


def _by_alchemy(name: str, database: sqlite3.Connection) -> Any:
    from sqlalchemy.orm import Session

    from .alchemy import engine_over

    engine = engine_over(database)
    return engine if name == "engine" else Session(engine)


@contextlib.contextmanager
def _replaced(names: Mapping[str, str], services: Mapping[str, Service]) -> Iterator[dict[int, Any]]:
    """Functions and clients that stand in modules, replaced by fakes for now; what stands for each, by its id.

    ``names`` and ``services``: of each path, what claims call it and how it behaves.
    """
    found: dict[int, Any] = {}
    undo: list[tuple[Any, str, Any]] = []
    kept: list[Any] = []
    try:
        for path, service in services.items():
            owner_path, dot, name = path.rpartition(".")
            if not dot:
                continue
            owner = _owner(owner_path, name, path)
            original = getattr(owner, name)
            fake = Fake(names[path], service, like=original)
            undo.append((owner, name, inspect.getattr_static(owner, name, original)))
            kept.append(original)
            found[id(original)] = fake
            setattr(owner, name, fake)
        yield found
    finally:
        for owner, name, original in reversed(undo):
            setattr(owner, name, original)


def _owner(path: str, name: str, whole: str) -> Any:
    """The module, or the class in one, in which ``name`` stands."""
    parts = path.split(".")
    for length in range(len(parts), 0, -1):
        try:
            owner: Any = importlib.import_module(".".join(parts[:length]))
        except ImportError:
            continue
        for part in parts[length:]:
            owner = getattr(owner, part, None)
        if owner is not None and hasattr(owner, name):
            return owner
        break
    raise CannotCheck(f"outside= names {whole!r}, and there is nothing of that name to import")


@contextlib.contextmanager
def _awaited(files: Container[str]) -> Iterator[None]:
    """Python says of a coroutine that is thrown away where that was: a call of one of ``files`` without its await.

    Raises:
        CannotCheck: there was one. What it would have done is not done, so nothing that is proved would be of it.
    """
    with warnings.catch_warnings(record=True) as told_here:
        warnings.filterwarnings("always", "coroutine .* was never awaited", RuntimeWarning)
        yield
    for warning in told_here:
        found = _NOT_AWAITED.match(str(warning.message))
        if found and warning.filename in files:
            raise CannotCheck(
                f"{found[1]} is called and not awaited, so nothing of it is done: {near(warning.filename)}:"
                f"{warning.lineno}. Write await in front of the call"
            )
        warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)


@contextlib.contextmanager
def _database(is_database: Callable[[Any], bool] | None) -> Iterator[None]:
    """While a path leads to the simulated database."""
    before, guards.is_database = guards.is_database, is_database
    try:
        yield
    finally:
        guards.is_database = before


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Nothing is logged: each run is repeated some hundred times."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


__all__ = ["SERVICES", "Check", "Claim", "Reader", "check"]
