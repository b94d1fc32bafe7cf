"""Everything that one search or one run needs, set up and taken down together."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from ..simulation.calls import Call, Role
from ..simulation.guards import guarded
from ..simulation.hosts import LocalHost, Stopped
from ..simulation.live import LiveEffects, NeedsAttempts, NeedsClock, NeedsPast, SchemaChanges
from ..simulation.operations import (
    CallService,
    Hung,
    Raised,
    RedisCommand,
    RedisFailure,
    RedisReply,
    RedisTransaction,
    RedisWatch,
    Refused,
    Returned,
    Sleep,
    SqlStatement,
    Told,
    Unrepeatable,
)
from ..simulation.process import Node, Tree
from ..simulation.program import Program
from ..simulation.remote import RemoteHost, RemoteProgram
from ..simulation.sqlite_store import Contents, Journal, Schema, SqliteStore
from ..simulation.watchdog import Watchdog
from ..simulation.world import MOST_REQUESTS, Bounds, State, World, served
from .scenario import Scenario

if TYPE_CHECKING:
    from ..simulation.redis_store import RedisStore

T = TypeVar("T")
AnyHost = LocalHost | RemoteHost
#: The session of calls that are made alone.
_ALONE = "alone"
KINDS = "redis kinds"
"""The table of the kinds of Redis's keys."""
SERVICES = "other services"
"""The table of what arrived at other services."""
TICK = 0.01
"""Seconds between two looks at whether learner code is still asking."""


class Needs(NamedTuple):
    """What has to be kept in the state, or done as a step, because the answer looks at it."""

    attempts: bool = False
    schema: bool = False
    clock: bool = False
    past: bool = False
    patience: bool = False
    """Time may pass more often."""
    changing: frozenset[Schema] | None = None
    """The schemas that somebody may change; None: all, so that reading any is a step."""


def with_needs(run: Callable[[Needs], T]) -> T:
    """Call ``run``, again and again, until it knows what it needs."""
    needs = Needs()
    while True:
        try:
            return run(needs)
        except NeedsAttempts:
            needs = needs._replace(attempts=True)
        except SchemaChanges:
            needs = needs._replace(schema=True)
        except NeedsClock:
            needs = needs._replace(clock=True)
        except NeedsPast:
            needs = needs._replace(past=True)


@dataclass(slots=True)
class Stores:
    """The stores of one search or run."""

    sqlite: SqliteStore
    redis: RedisStore | None


@contextlib.contextmanager
def stores(scenario: Scenario, journal: Journal, needs: Needs) -> Iterator[Stores]:
    """SQLite, and Redis where it is used."""
    with SqliteStore(scenario.prepare, journal, needs.schema, needs.changing) as sqlite:
        sqlite.looked_back = needs.past
        redis: RedisStore | None = None
        if scenario.uses_redis:
            from ..simulation.redis_store import RedisStore  # takes a while to import, and not everybody needs it

            redis = RedisStore(scenario.prepare_redis)
        try:
            yield Stores(sqlite, redis)
        finally:
            if redis is not None:
                redis.close()


def host_of(program: Program, scenario: Scenario) -> AnyHost:
    """A host for all calls of ``scenario``. To make one, the learner's cells are executed."""
    if isinstance(program, RemoteProgram):
        return RemoteHost(program, scenario.calls, scenario.messages)
    with guarded():
        return LocalHost(program, scenario.calls, scenario.messages)


def world_of(tree: Tree, effects: Any, scenario: Scenario, bounds: Bounds, journal: Journal, needs: Needs) -> World:
    """The rules for ``scenario``."""
    effects.hints = scenario.hints
    tree.spread = scenario.spread
    effects.open(len(scenario.roles(bounds)))
    return World(tree, effects, scenario.cast(bounds), bounds, journal, needs.attempts, needs.clock, needs.past)


# -- contents ----------------------------------------------------------------------------------------------


def everything(scenario: Scenario, state: State | Final, sqlite: Contents, redis: RedisStore | None) -> Contents:
    """All that a judge may look at, as tables:

    - SQLite's tables;
    - Redis's keys: (key, value, milliseconds to live or None), in the tables that ``scenario.redis_table`` says;
    - ``redis kinds``: (key, kind), where the scenario wants them;
    - ``performed``: (message id, how often), where loops have effects, and ``faults``: 1 if there were any;
    - ``payments``: (key, order, amount), where there is a payment service;
    - ``other services``: (key, service, content), where there are any;
    - ``dead letters``: (message id,), where there are any.
    """
    tables = list(sqlite)
    if redis is not None:
        tables += redis_tables(scenario, redis, state.redis)
        if scenario.redis_kinds:
            tables.append((KINDS, tuple((key, kind) for key, kind, _, _ in redis.contents(state.redis))))
    if state.performed:
        rows = tuple((scenario.messages[m][0], count) for m, count in enumerate(state.performed) if count)
        tables += [("performed", rows), ("faults", ((int(any(state.faults)),),))]
    if state.payments:
        own = any(isinstance(payment[2], str) for payment in state.payments)
        tables.append((SERVICES if own else "payments", state.payments))
    if state.dead:
        dead = tuple((scenario.messages[m][0],) for m in range(len(scenario.messages)) if state.dead >> m & 1)
        tables.append(("dead letters", dead))
    return tuple(tables)


def redis_tables(scenario: Scenario, redis: RedisStore, number: int) -> list[tuple[str, tuple[Any, ...]]]:
    """Redis's keys as tables."""
    tables: dict[str, list[Any]] = {}
    for key, _, value, ttl in redis.contents(number):
        tables.setdefault(scenario.redis_table(key), []).append((key, value, ttl))
    return [(name, tuple(rows)) for name, rows in sorted(tables.items())]


class Final(NamedTuple):
    """What matters of a state at the end of a run; equal ones are judged once."""

    contents: int
    redis: int
    dead: int
    acknowledged: int
    performed: tuple[int, ...]
    payments: tuple[tuple[str, str, int], ...]
    now: int
    faults: tuple[int, ...]
    """Whether there were any, where that matters."""
    memories: tuple[int, ...]
    """With which the job may be run again; see `closers`."""

    @classmethod
    def of(cls, scenario: Scenario, world: World, state: State) -> Final:
        """That of ``state``."""
        return cls(
            state.contents,
            state.redis,
            state.dead,
            state.acknowledged,
            state.performed,
            state.payments,
            state.now,
            (int(any(state.faults)),) if state.performed else (),
            closers(scenario, world, state)[1:],
        )


def closers(scenario: Scenario, world: World, state: State) -> tuple[int, ...]:
    """With which memories the closing calls have to be right: with none, and, where they are the job's, with that of
    each process which has run the job before and remembers something. Readers are judged whenever they answer."""
    if scenario.job is None or scenario.hears is not None or scenario.closing != (scenario.job,):
        return (0,)
    jobs = (p.memory for p, role in zip(state.processes, world.roles, strict=True) if role is Role.JOB)
    return (0, *sorted({memory for memory in jobs if memory > 0}))


def wrong_at_end(scenario: Scenario, world: World, state: State, live: LiveEffects) -> str | None:
    """What is wrong at the end of a run, after the closing calls, by whoever may make them. Moves the live stores."""
    for memory in closers(scenario, world, state):
        wrong = judged(scenario, close(scenario, state, live, memory), memory)
        if wrong is not None:
            return wrong
    return None


def judged(scenario: Scenario, contents: Contents, memory: int) -> str | None:
    """What is wrong with the contents at the end, where a process with this memory made the closing calls."""
    wrong = scenario.judge(contents)
    if wrong is None or memory == 0:
        return wrong
    return f"{wrong}, when a process that has run {scenario.job} before runs it once more"


def close(scenario: Scenario, state: State, live: LiveEffects, memory: int = 0) -> Contents:
    """The contents at the end of a run after the closing calls, with their answers: a table ``answers`` of
    (call, value, error or None). Each is made by a process with this memory. Moves the live stores."""
    if not scenario.closing:
        return everything(scenario, state, live.store.contents(state.contents), live.redis)
    live.store.restore(state.contents)
    if live.redis is not None:
        live.redis.restore(state.redis)
    return close_here(scenario, state, live, memory)[0]


def close_here(
    scenario: Scenario, state: State, live: LiveEffects, memory: int = 0
) -> tuple[Contents, list[tuple[Call, Node]]]:
    """As `close`, on the live stores as they are; also the end of each closing call."""
    answers, ends = [], []
    for number, call in enumerate(scenario.closing, scenario.first_closing):
        node, state = alone(live, state, number, memory)
        live.store.number_contents()
        request = node.request
        value = request.value if isinstance(request, Returned) else None
        error = None
        if isinstance(request, Raised):
            error = f"{request.name}: {request.text}"
        elif isinstance(request, Hung | Unrepeatable):
            error = request.why
        answers.append((str(call), value, error))
        ends.append((call, node))
    live.forget_changes()
    if live.redis is not None:
        state = state._replace(redis=live.redis.number_contents())
    tables = everything(scenario, state, live.store.read(), live.redis)
    return ((*tables, ("answers", tuple(answers))) if answers else tables), ends


def alone(live: LiveEffects, state: State, call: int, memory: int = 0) -> tuple[Node, State]:
    """Make one call, undisturbed, by a process that has this memory; the node at which it ends, and the state with what
    it has sent elsewhere."""
    tree = live.tree
    effect = live.begin(state, _ALONE, tree.root(memory, call), 1)  # type: ignore[arg-type]
    node = tree.nodes[effect.node]
    while not node.ended:
        request = node.request
        told: Told | None
        if isinstance(request, SqlStatement):
            live.store.draws_for(tree.identity(node, 1), node.depth)
            told = live.carry_out(_ALONE, node, False).told  # type: ignore[arg-type]
            assert told is not None, "nobody else holds a lock"
        elif isinstance(request, RedisCommand | RedisTransaction):
            told = live.carry_out_on_redis(state.now, node).reply
            assert live.redis is not None
            live.redis.number_contents()
        elif isinstance(request, RedisWatch):
            told = RedisReply(b"OK")
        elif isinstance(request, Sleep):
            told = 0
        elif isinstance(request, CallService):
            state, told = served(state, request, MOST_REQUESTS * (len(state.attempts) + 2))
            live.told_elsewhere(node, told)
        else:
            told = Refused("RuntimeError", "there is no queue at this point")
        node = tree.tell(node, told)
        node = tree.nodes[live._free(_ALONE, node, 1, state.now).node]  # type: ignore[arg-type]
    live.end(state, _ALONE)  # type: ignore[arg-type]
    return node, state


class Forbidden:
    """What must not be at any time: of the state, or of what is committed then. Equal contents are judged once."""

    def __init__(self, scenario: Scenario, sqlite: SqliteStore, redis: RedisStore | None) -> None:
        self._scenario = scenario
        self._sqlite = sqlite
        self._redis = redis
        self._judged: dict[object, str | None] = {}
        self.something = not (scenario.forbids is None and scenario.hears is None and scenario.never is None)
        """Whether there is anything to look for."""

    def __call__(self, state: State) -> str | None:
        """What is wrong in ``state``; None where nothing is."""
        scenario = self._scenario
        if scenario.forbids is not None and (wrong := scenario.forbids(state)) is not None:
            return wrong
        if state.heard and scenario.hears is not None and (wrong := scenario.hears(state.heard[0])) is not None:
            return wrong
        if scenario.never is None:
            return None
        key = (state.contents, state.redis, state.dead, state.payments)
        if key not in self._judged:
            contents = self._sqlite.contents(state.contents)
            self._judged[key] = scenario.never(everything(scenario, state, contents, self._redis))
        return self._judged[key]


# -- before everything -------------------------------------------------------------------------------------


class OpeningFailed(Exception):
    """An opening call (the learner's ``schema``) did not come to its end; with the line in the learner's code."""

    def __init__(self, call: Call, why: str, line: tuple[str, int] | None, unsupported: str | None = None) -> None:
        super().__init__(f"{call} {why}")
        self.line = line
        self.unsupported = unsupported
        """What it asked for that the simulation has not."""


def opened(program: Program, scenario: Scenario) -> Scenario:
    """``scenario`` with its opening calls made, once: what they leave is what every run starts from.

    Raises:
        OpeningFailed: one of them raised or hung.
    """
    if not scenario.opening:
        return scenario
    before = replace(scenario, closing=scenario.opening, opening=())

    def run(needs: Needs) -> Scenario:
        needs = needs._replace(schema=True)
        host = host_of(program, before)
        tree = Tree(host)
        with guarded(), stores(before, "rollback", needs) as both:
            live = LiveEffects(tree, both.sqlite, True, True, both.redis, True, True)
            world = world_of(tree, live, before, before.bounds, "rollback", needs)
            try:
                with Watchdog(TICK, lambda frame: host.tick(frame, TICK), host.interrupt):
                    _, ends = close_here(before, world.initial(0), live)
            except Stopped:
                raise KeyboardInterrupt from None
            finally:
                host.close()
            if host.unsupported is not None:
                what, line = host.unsupported
                raise OpeningFailed(before.closing[0], f"uses what this simulation does not have: {what}", line, what)
            for call, node in ends:
                if isinstance(node.request, Raised):
                    raise OpeningFailed(call, f"raised {node.request.name}: {node.request.text}", node.line)
                if not isinstance(node.request, Returned):
                    raise OpeningFailed(call, "never came to its end", node.line)
            copy = both.sqlite.copy()
        return replace(scenario, opening=(), prepare=copy.backup)

    return with_needs(run)


__all__ = [
    "TICK",
    "AnyHost",
    "Final",
    "Forbidden",
    "Needs",
    "OpeningFailed",
    "RedisFailure",
    "Stores",
    "alone",
    "close",
    "close_here",
    "everything",
    "host_of",
    "opened",
    "redis_tables",
    "stores",
    "with_needs",
    "world_of",
]
