"""The point of no return: the first step of a run after which no fault-free continuation can end right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..simulation.choices import Choice
from ..simulation.guards import Watchdog, guarded
from ..simulation.hosts import GreenletHost, Stopped
from ..simulation.live import NeedsAttempts, SchemaChanges
from ..simulation.process import Tree
from ..simulation.program import Program
from ..simulation.sqlite_store import Journal, SqliteStore
from ..simulation.world import Bounds, World
from .reduction import Mismatch, RememberedEffects, Step
from .scenario import Scenario

_MOST_STATES = 4_000
_TICK = 0.25


def point_of_no_return(
    program: Program, scenario: Scenario, schedule: Sequence[Choice], journal: Journal, bounds: Bounds | None = None
) -> int | None:
    """The number (from 1) of the first choice after which all is lost; 0 where no fault-free run ends right at all;
    None where it can't be said."""
    for count_attempts, schema_changes in ((False, False), (True, False), (False, True), (True, True)):
        host = GreenletHost(program, scenario.entry, scenario.messages)
        tree = Tree(host)
        with guarded(), SqliteStore(scenario.prepare, journal, schema_changes) as store:
            effects = RememberedEffects(tree, store, count_attempts)
            world = World(tree, effects, len(scenario.messages), bounds or scenario.bounds, journal, count_attempts)
            try:
                with Watchdog(_TICK, lambda frame, host=host: host.tick(frame, _TICK), host.interrupt):  # type: ignore[misc]
                    return _find(world, effects, store, scenario, schedule)
            except (NeedsAttempts, SchemaChanges):
                continue
            except (Mismatch, Stopped):
                return None
            finally:
                host.close()
    return None


def _find(
    world: World, effects: RememberedEffects, store: SqliteStore, scenario: Scenario, schedule: Sequence[Choice]
) -> int | None:
    step = Step(None, None, world.initial(0), (0, 0, 0, 0))
    hopeful: dict[Any, bool] = {}
    if _has_hope(world, effects, store, scenario, step, hopeful) is False:
        return 0
    for number, choice in enumerate(schedule, 1):
        effects.here = step
        step = Step(step, choice, world.apply(step.state, choice), (0, 0, 0, 0))
        hope = _has_hope(world, effects, store, scenario, step, hopeful)
        if hope is None:
            return None
        if not hope:
            return number
    return None


def _has_hope(
    world: World,
    effects: RememberedEffects,
    store: SqliteStore,
    scenario: Scenario,
    start: Step,
    hopeful: dict[Any, bool],
) -> bool | None:
    """Whether some fault-free continuation of ``start`` ends right; None when there are too many to look at."""
    seen: dict[Any, Step] = {}
    stack = [start]
    while stack:
        step = stack.pop()
        key = step.state._replace(last=-1)
        if hopeful.get(key) is False or key in seen:
            continue
        if hopeful.get(key):
            return True
        seen[key] = step
        if len(seen) > _MOST_STATES:
            return None
        state = step.state
        moves = world.steps(state)
        if not moves and not any(p.message >= 0 for p in state.processes):
            if not state.dead and scenario.judge(store.contents(state.contents)) is None:
                on_way: Step | None = step
                while on_way is not None:
                    hopeful[on_way.state._replace(last=-1)] = True
                    if on_way is start:
                        break
                    on_way = on_way.parent
                return True
            continue
        effects.here = step
        stack += [Step(step, move, world.apply(state, move), (0, 0, 0, 0)) for move in moves]
    hopeful.update(dict.fromkeys(seen, False))
    return False
