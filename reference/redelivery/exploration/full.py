"""The full search: every schedule within the bounds run from its start, nothing remembered, nothing merged.

It is there to check the reduced search (both must reach the same final states) and to measure what simulation costs.
Its schedules multiply quickly, so its bounds have to be small.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter

from ..simulation.choices import Choice
from ..simulation.guards import guarded
from ..simulation.live import LiveEffects
from ..simulation.process import Tree
from ..simulation.program import Program
from ..simulation.sqlite_store import Contents, Journal
from ..simulation.world import Bounds, State, World
from .scenario import Scenario
from .schedule import cost_of
from .stage import Forbidden, Needs, everything, host_of, stores, with_needs, wrong_at_end

_MOST_STEPS = 120


@dataclass(slots=True)
class FullResult:
    """What a full search found."""

    finals: set[Contents] = field(default_factory=set)
    """The contents at the ends of runs in which everything was acknowledged or dead-lettered."""
    schedules: int = 0
    broken: int = 0
    """Runs that ended wrong."""
    calls: int = 0
    """Handler calls begun, repeated beginnings of schedules included."""
    statements: int = 0
    complete: bool = True
    """False: the limit was reached first."""
    smallest_broken: tuple[Choice, ...] | None = None
    """The cheapest of them (see `cost_of`)."""
    seconds: float = 0.0
    seconds_to_first: float | None = None
    """Seconds until the first run that ended wrong."""


def search_all(
    program: Program,
    scenario: Scenario,
    journal: Journal,
    bounds: Bounds | None = None,
    *,
    most_schedules: int = 20_000,
    schema_changes: bool = False,
    stop_at_first: bool = False,
    progress: Callable[[int], None] | None = None,
) -> FullResult:
    """Run every schedule within ``bounds``, up to ``most_schedules`` of them.

    ``schema_changes``: the handler creates or drops tables, so reading the schema is a step like any other.
    """
    with guarded():
        return with_needs(
            lambda needs: _search(
                program,
                scenario,
                journal,
                bounds or scenario.bounds,
                most_schedules,
                needs._replace(schema=schema_changes or needs.schema),
                stop_at_first,
                progress,
            )
        )


def _search(
    program: Program,
    scenario: Scenario,
    journal: Journal,
    bounds: Bounds,
    most_schedules: int,
    needs: Needs,
    stop_at_first: bool,
    progress: Callable[[int], None] | None,
) -> FullResult:
    result = FullResult()
    with stores(scenario, journal, needs) as both:
        store = both.sqlite
        started = perf_counter()
        # Each entry: a beginning of a schedule that has not been run yet.
        todo: list[_Beginning] = [None]
        host = host_of(program, scenario)
        host.tell_all_apart = True
        unexpected = ~scenario.expected_dead
        cast = scenario.cast(bounds)
        store.open(range(len(cast.roles)))
        while todo:
            if result.schedules >= most_schedules:
                result.complete = False
                break
            beginning = todo.pop()
            store.restore(0)
            if both.redis is not None:
                both.redis.restore(0)
            tree = Tree(host, scripts=scenario.scripts)
            effects = LiveEffects(tree, store, needs.attempts, True, both.redis, needs.clock, needs.past)
            effects.hints = scenario.hints
            world = World(tree, effects, cast, bounds, journal, needs.attempts, needs.clock, needs.past)
            schedule, state, forbidden = _run(world, beginning, todo, Forbidden(scenario, store, both.redis))
            result.schedules += 1
            result.statements += effects.statements
            contents = store.read()
            wrong = forbidden
            if state is not None:
                final = everything(scenario, state, contents, both.redis)
                result.finals.add(final)
                if wrong is None and not state.dead & unexpected:
                    wrong = wrong_at_end(scenario, world, state, effects)
                    contents = store.read()
            host.close()
            if wrong is not None:
                result.broken += 1
                if result.smallest_broken is None:
                    result.seconds_to_first = perf_counter() - started
                if result.smallest_broken is None or cost_of(schedule) < cost_of(result.smallest_broken):
                    result.smallest_broken = tuple(schedule)
                if stop_at_first:
                    break
            store.holds(contents)
            if progress is not None and result.schedules % 100 == 0:
                progress(result.schedules)
        result.seconds = perf_counter() - started
        result.calls = host.calls
    return result


#: A beginning of a schedule: all but its last choice, and that one; None: nothing yet.
_Beginning = tuple["_Beginning", Choice] | None


def _run(
    world: World, beginning: _Beginning, todo: list[_Beginning], forbidden: Forbidden
) -> tuple[list[Choice], State | None, str | None]:
    """Run one schedule to its end, noting every other way it could have gone after its ``beginning``; also what
    happened on the way that must not be. A schedule that comes back to where it was goes no further: whatever follows
    there has followed the first time."""
    schedule: list[Choice] = []
    so_far = beginning
    while so_far is not None:
        so_far, choice = so_far
        schedule.append(choice)
    schedule.reverse()
    state = world.initial(0)
    visited: set[State] = set()
    for choice in schedule:
        visited.add(state._replace(last=-1))
        state = world.apply(state, choice)
    so_far = beginning
    for _ in range(_MOST_STEPS):
        place = state._replace(last=-1)
        if place in visited:
            return schedule, None, None
        visited.add(place)
        if (wrong := forbidden(state)) is not None:
            return schedule, None, wrong
        moves = world.steps(state)
        if not moves:
            return schedule, state if world.has_ended(state) else None, None
        for other in world.faults(state):
            todo.append((so_far, other))
        for other in moves[1:]:
            todo.append((so_far, other))
        so_far = (so_far, moves[0])
        schedule.append(moves[0])
        state = world.apply(state, moves[0])
    return schedule, None, None
