"""The point of no return: the first step of a run after which no fault-free continuation can end right."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from ..simulation.choices import TIME_IS_LEFT, Choice
from ..simulation.guards import guarded
from ..simulation.hosts import Stopped
from ..simulation.process import Tree
from ..simulation.program import Program
from ..simulation.sqlite_store import Journal
from ..simulation.watchdog import Watchdog
from ..simulation.world import Bounds, State, World
from .reduction import Mismatch, RememberedEffects, Step, carried_on
from .scenario import Scenario
from .stage import TICK, Forbidden, Needs, host_of, stores, with_needs, world_of, wrong_at_end

_MOST_STATES = 4_000
T = TypeVar("T")


def has_hope(program: Program, scenario: Scenario, schedule: Sequence[Choice], journal: Journal) -> bool | None:
    """Whether some fault-free continuation of ``schedule`` ends right, however often time has to pass; None where it
    can't be said."""

    def find(world: World, effects: RememberedEffects) -> bool | None:
        step = Step(None, None, world.initial(0), (0, 0, 0, 0))
        for choice in schedule:
            effects.here = step
            step = Step(step, choice, world.apply(step.state, choice), (0, 0, 0, 0))
        return _has_hope(world, effects, scenario, step, {})

    return _with_world(program, scenario, journal, scenario.bounds, find)


def point_of_no_return(
    program: Program, scenario: Scenario, schedule: Sequence[Choice], journal: Journal, bounds: Bounds | None = None
) -> int | None:
    """The number (from 1) of the first choice after which all is lost; 0 where no fault-free run ends right at all;
    None where it can't be said."""

    return _with_world(
        program, scenario, journal, bounds or scenario.bounds, lambda w, e: _find(w, e, scenario, schedule)
    )


def _with_world(
    program: Program,
    scenario: Scenario,
    journal: Journal,
    bounds: Bounds,
    find: Callable[[World, RememberedEffects], T | None],
) -> T | None:
    def look(needs: Needs) -> T | None:
        host = host_of(program, scenario)
        host.tell_all_apart = True
        tree = Tree(host, scripts=scenario.scripts)
        with guarded(), stores(scenario, journal, needs) as both:
            effects = RememberedEffects(tree, both.sqlite, needs.attempts, True, both.redis, needs.clock, needs.past)
            world = world_of(tree, effects, scenario, bounds, journal, needs)
            try:
                with Watchdog(TICK, lambda frame: host.tick(frame, TICK), host.interrupt):
                    return find(world, effects)
            except (Mismatch, Stopped):
                return None
            finally:
                host.close()

    return with_needs(look)


def _find(world: World, effects: RememberedEffects, scenario: Scenario, schedule: Sequence[Choice]) -> int | None:
    step = Step(None, None, world.initial(0), (0, 0, 0, 0))
    hopeful: dict[Any, bool] = {}
    if _has_hope(world, effects, scenario, step, hopeful) is False:
        return 0
    for number, choice in enumerate(schedule, 1):
        effects.here = step
        step = Step(step, choice, world.apply(step.state, choice), (0, 0, 0, 0))
        hope = _has_hope(world, effects, scenario, step, hopeful)
        if hope is None:
            return None
        if not hope:
            return number
    return None


def _what_matters(world: World, state: State) -> State:
    """Of a state, what fault-free continuations depend on: not what has gone wrong before, nor which of the consumers
    is which."""
    processes = state.processes
    if len(set(world.roles)) == 1 and not world.count_attempts:
        processes = tuple(sorted(processes))
    return state._replace(processes=processes, last=-1, faults=())


def _has_hope(
    world: World,
    effects: RememberedEffects,
    scenario: Scenario,
    start: Step,
    hopeful: dict[Any, bool],
) -> bool | None:
    """Whether some fault-free continuation of ``start`` ends right; None when there are too many to look at."""
    seen: dict[Any, Step] = {}
    stack = [start]
    forbidden = Forbidden(scenario, effects.store, effects.redis)
    while stack:
        step = stack.pop()
        key = _what_matters(world, step.state)
        if hopeful.get(key) is False or key in seen:
            continue
        if hopeful.get(key):
            return True
        seen[key] = step
        if len(seen) > _MOST_STATES:
            return None
        state = step.state
        moves = world.steps(state)
        if forbidden(state) is not None:
            continue
        if not moves and world.has_ended(state):
            right = wrong_at_end(scenario, world, state, effects.live) is None
            if scenario.closing:
                effects.at = None
            if right and not state.dead & ~scenario.expected_dead:
                on_way: Step | None = step
                while on_way is not None:
                    hopeful[_what_matters(world, on_way.state)] = True
                    if on_way is start:
                        break
                    on_way = on_way.parent
                return True
            continue
        if world.time_matters and world.time_can_pass(state):
            moves = [TIME_IS_LEFT, *moves]  # tried last: most runs end without it
        effects.here = step
        for move in moves:
            far = carried_on(world, effects, step, move)
            after, rounds = far if far is not None else (world.apply(state, move), ())
            stack.append(Step(step, move, after, (0, 0, 0, 0), rounds))
    hopeful.update(dict.fromkeys(seen, False))
    return False
