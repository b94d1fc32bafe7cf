"""`redelivery.check(…, store=…)`: a consumer under every schedule, on a real database."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..exploration.schedule import BadSchedule
from ..library.frameworks import function_of
from ..library.given import RAW, Plan, shown, wanted
from ..library.mistakes import CannotCheck
from ..library.project import Project, ProjectProgram
from ..library.stand_ins import ForProcess, LeadsOutside, StandIns
from ..simulation.memory import Entry
from ..simulation.message import Message
from ..simulation.world import Bounds
from .failure import EngineFailure
from .judge import STORES, EngineJudge
from .port import Store
from .result import EngineReplayed, EngineResult
from .search import Search
from .state import parse
from .stores import StoreWanted

if TYPE_CHECKING:
    from ..library.check import Check
    from ..library.settings import Settings

#: Computing time after which a search is given up.
_SECONDS = 60.0


class EngineStandIns(StandIns):
    """What stands for engines and connections that modules hold."""

    def __init__(self, name: str, other: Callable[[], Any]) -> None:
        super().__init__(lambda path: False)
        self._name, self._other = name, other
        self._made: dict[int, tuple[Any, Any]] = {}

    def engine(self, real: Any = None) -> Any:
        """An engine over the connection of the process that is at work."""
        from .alchemy import URLS, engine_of_processes

        dialect = URLS[self._name].partition("+")[0]
        if real is not None and real.dialect.name not in (dialect, "mariadb" if dialect == "mysql" else dialect):
            raise LeadsOutside(
                f"an engine of {real.dialect.name}, and what is searched is {dialect}",
                "Have the function take its session from an argument, and name that `session`",
            )
        known = self._made.get(id(real))
        if known is None:
            known = self._made[id(real)] = (real, engine_of_processes(self._name, self._other, real))
        return known[1]

    def copy(self, thing: Any, kind: type, process: ForProcess) -> Any:
        top = str(kind.__module__).partition(".")[0]
        if top in ("psycopg", "psycopg_pool", "pymysql") and not isinstance(thing, type):
            name = kind.__name__
            if "Connection" in name or "Pool" in name or "Cursor" in name:
                raise LeadsOutside(
                    f"a {top}.{name}", "Have the function take it from an argument, and name that `connection`"
                )
            return thing
        return super().copy(thing, kind, process)

    def _end(self, session: Any, close: Callable[[], None]) -> None:
        close()


class Prepared:
    """A check on a real store, with everything looked at and put together."""

    def __init__(self, given: Check, settings: Settings) -> None:
        from ..library.check import _messages, _packages, _quiet
        from ..library.claims import claims_of

        self.check, self.settings = given, settings
        self._resources = contextlib.ExitStack()
        wanted_store = given.store
        if not isinstance(wanted_store, StoreWanted):
            raise CannotCheck(
                "store= takes redelivery.engines.postgres(isolation=…) or mariadb(…); it is of type "
                f"{type(wanted_store).__name__}"
            )
        for name in ("outside", "job", "database"):
            if getattr(given, name) is not None:
                raise CannotCheck(f"{name}= can't be used on a real store: what is searched there is the handler alone")
        if given.readers:
            raise CannotCheck("readers= can't be used on a real store: what is searched there is the handler alone")
        self.wanted = wanted_store
        self.function = function_of(given.handler)
        self.messages = _messages(given.messages)
        self.claims = claims_of(given.claim)
        poison = [given.poison] if isinstance(given.poison, str) else list(given.poison)
        ids = [identity for identity, _ in self.messages]
        for one in poison:
            if str(one) not in ids:
                raise CannotCheck(f"poison={one!r} names no message; there are {', '.join(ids)}")
        self.poison = tuple(map(str, poison))
        self._look_at_calls()
        self.bounds = self._bounds()
        try:
            self.store = self._open()
            self._resources.callback(self.store.close)
            own = [f for f in (self.function, given.call, given.make) if f is not None]
            stand_ins = EngineStandIns(self.wanted.engine, lambda: self.store.judge)  # type: ignore[attr-defined]
            plan = Plan(self.function, given.call, given.make, STORES, {}, stand_ins, {})
            project = Project(own, _packages(given.project))
            self.program = ProjectProgram(project, stand_ins, plan.entries, own, {})
            if "session" in self._names or "engine" in self._names:
                stand_ins.engine()
            self.judge = EngineJudge(
                self.claims,
                self.store.judge,  # type: ignore[attr-defined]
                self._engine_over,
                [body.get(RAW, Message(i, body)) for i, body in self.messages],
                self.store.contents,
            )
            self.judge.look()
            self._resources.enter_context(self.program.in_force())
            self._resources.enter_context(self.program.defaults())
            self._resources.enter_context(_quiet())
        except BaseException:
            self._resources.close()
            raise

    def __enter__(self) -> Prepared:
        return self

    def __exit__(self, *_: object) -> None:
        self._resources.close()

    def _engine_over(self, connection: Any) -> Any:
        from .alchemy import engine_over

        return engine_over(self.wanted.engine, connection)

    def _look_at_calls(self) -> None:
        given, function = self.check, self.function
        names: set[str] = set()
        if given.call is not None:
            names |= set(wanted(given.call, STORES, "call", 2))
        if given.make is not None:
            names |= set(wanted(given.make, STORES, "make", 1))
        elif given.call is None:
            if not callable(function) or inspect.isclass(function):
                raise CannotCheck(f"{shown(function)} has to be a function; say with call= how a message gets to it")
            if inspect.iscoroutinefunction(function):
                raise CannotCheck(f"{shown(function)} is a coroutine function, which can't be searched on a real store")
            names |= set(wanted(function, STORES, f"the handler {shown(function)}", 1))
        self._names = names

    def _bounds(self) -> Bounds:
        from ..library.check import CheckLimits

        smaller = self.wanted.isolation == "SERIALIZABLE" and self.wanted.engine == "postgres"
        fallback = Bounds(faults=1) if smaller or len(self.messages) > 2 else Bounds()
        return CheckLimits.of(self.check, self.settings, fallback)

    def _files(self) -> frozenset[str]:
        program = getattr(self, "program", None)
        return program.files if program is not None else frozenset()

    def _open(self) -> Store:
        schema = self.check.schema
        try:
            if self.wanted.engine == "postgres":
                from .postgresql import PostgresStore

                return PostgresStore(self.wanted.isolation, lambda c: make_schema("postgres", schema, c), self._files)
            from .innodb import MariaStore

            return MariaStore(
                self.wanted.isolation,
                lambda c: make_schema("mariadb", schema, c),
                self._files,
                dict(self.wanted.options),
            )
        except ModuleNotFoundError as error:
            raise EngineFailure(
                f"the Python package {error.name} is not here, which leads to the database: "
                "pip install 'redelivery[engines]'"
            ) from None

    @property
    def title(self) -> str:
        """Where it is searched: PostgreSQL 18.6 at READ COMMITTED."""
        return self.store.title

    def make_search(self, progress: Callable[[int], None] | None = None) -> Search:
        """The search."""
        ids = [identity for identity, _ in self.messages]
        return Search(
            self.store,
            self.program.fresh,
            self.messages,
            self.bounds,
            self.judge.at_end,
            self.judge.at_any_time if self.judge.has_always else None,
            sum(1 << ids.index(one) for one in self.poison),
            self.program.files,
            self.settings.seconds or self.check.seconds or _SECONDS,
            progress=progress,
            look=self.judge.look,
        )

    def search(self, progress: Callable[[int], None] | None = None) -> EngineResult:
        """Search everything."""
        search = self.make_search(progress)
        before = self.program.originals()
        outcome = search.run()
        changed = sorted(n for n, value in self.program.originals().items() if before.get(n, value) != value)
        return EngineResult.of(self, search, outcome, changed[0] if changed else "")

    def replay(self, token: str) -> EngineReplayed:
        """Carry out one schedule."""
        head, colon, text = token.rpartition(":")
        if colon and head != self.title:
            raise CannotCheck(
                f"the schedule is one of {head}, and here is {self.title}: what it leads to may differ. Leave out what "
                "stands before the colon to try it all the same"
            )
        search = self.make_search()
        try:
            run = search.replay(parse(text, self.bounds.consumers))
        except BadSchedule as error:
            raise CannotCheck(f"this schedule can't be carried out: {error}") from None
        return EngineReplayed.of(self, search, run)


@contextlib.contextmanager
def prepared(given: Check, settings: Settings) -> Iterator[Prepared]:
    """A check that is about to be made."""
    with Prepared(given, settings) as found:
        yield found


def make_schema(name: str, schema: Any, connection: Any) -> None:
    """Make what is there before the first message: SQL, functions of a connection or session, SQLAlchemy's metadata.

    Raises:
        CannotCheck: it fails.
    """
    for one in schema if isinstance(schema, list | tuple) else [schema]:
        if one is None:
            continue
        try:
            if isinstance(one, str):
                _script(name, connection, one)
            elif callable(one) and not inspect.isclass(one):
                _call(name, one, connection)
            else:
                from ..library.alchemy import metadata_of
                from .alchemy import engine_over

                metadata = metadata_of(one)
                if metadata is None:
                    raise CannotCheck(
                        "schema= takes SQL, a function of connection (or session, engine), SQLAlchemy's MetaData or "
                        f"base class, or a list of these; not {type(one).__name__}"
                    )
                metadata.create_all(engine_over(name, connection))
            connection.commit()
        except (CannotCheck, EngineFailure):
            raise
        except Exception as error:
            text = " ".join(str(error).split())[:300]
            raise CannotCheck(f"the schema fails with {type(error).__name__}: {text}") from None


def _script(name: str, connection: Any, text: str) -> None:
    if name == "postgres":
        connection.execute(text)
        return
    with connection.cursor() as cursor:
        for statement in text.split(";"):
            if statement.strip():
                cursor.execute(statement)


def _call(name: str, function: Callable[..., Any], connection: Any) -> None:
    given: dict[str, Any] = {}
    session: Any = None
    for wish in wanted(function, STORES, "schema"):
        if wish in ("connection", "conn"):
            given[wish] = connection
            continue
        from .alchemy import engine_over

        engine = engine_over(name, connection)
        if wish == "engine":
            given[wish] = engine
        else:
            from sqlalchemy.orm import Session

            given[wish] = session = Session(engine)
    function(**given)
    if session is not None:
        session.commit()
        session.close()


def handlers(functions: Mapping[str, Any]) -> Mapping[str, Any]:
    """Functions of ``(message, connection)`` as the world calls them, for a search without a project."""

    def entry(function: Callable[..., Any]) -> Entry:
        return Entry(lambda message, database: function(message, database.conn), lambda: [])

    return {name: entry(function) for name, function in functions.items()}
