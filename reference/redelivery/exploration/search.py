"""Every schedule within the bounds: fewest faults first (the queue's own before others), fewest switches, shortest."""

from __future__ import annotations

import contextlib
import gc
import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from time import perf_counter
from typing import Any, NamedTuple

from ..simulation.choices import CONSUMERS_OWN
from ..simulation.guards import Watchdog, guarded
from ..simulation.hosts import GreenletHost, GrowingMemory, Stopped
from ..simulation.live import NeedsAttempts, SchemaChanges
from ..simulation.operations import Hung, Unrepeatable
from ..simulation.process import Line, Tree
from ..simulation.program import Program
from ..simulation.sqlite_store import Contents, Journal, SqliteStore
from ..simulation.world import Bounds, State, World
from .reduction import Cost, Mismatch, RememberedEffects, Step
from .scenario import Scenario
from .verdict import Proved, Refuted, Stuck, Undetermined, Verdict

_TICK = 0.25
"""Seconds between two looks at whether learner code is still asking."""
_FIRST_LOOK = 300
"""States that are searched with switches counted exactly, before anything is known."""


class Statistics(NamedTuple):
    """What a search cost."""

    states: int
    real: int
    replays: int
    calls: int
    nodes: int
    seconds: float


@contextlib.contextmanager
def _no_collector() -> Iterator[None]:
    """Millions of small tuples and no cycles: looking for garbage among them costs a third of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class _Unrepeatable(Exception):
    def __init__(self, why: str, line: Line | None) -> None:
        super().__init__(why)
        self.line = line


class MemoryMatters(Exception):
    """Processes behave by what they remember, and it takes many values: all have to be told apart."""


class Search:
    """One scenario, one journal mode, one program."""

    def __init__(
        self,
        program: Program,
        scenario: Scenario,
        journal: Journal,
        bounds: Bounds | None = None,
        *,
        symmetry: bool = True,
        memory: bool = True,
        seconds: float = 60.0,
        most_states: int = 400_000,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        self.program = program
        self.scenario = scenario
        self.journal: Journal = journal
        self.bounds = bounds or scenario.bounds
        self.symmetry = symmetry
        self.memory = memory
        self.seconds = seconds
        self.most_states = most_states
        self.progress = progress
        self.finals: set[tuple[int, int]] = set()
        """Numbers of the contents (and dead letters) at the ends of runs."""
        self.final_contents: set[Contents] = set()
        self.statistics = Statistics(0, 0, 0, 0, 0, 0.0)
        self.seconds_exploring = 0.0
        """Seconds from the open database to the verdict."""
        self._count_attempts = False
        self.schema_changes = False
        self._ignore_memory = self._tell_all_apart = False
        self._exact = True

    def run(self, stop_at_first: bool = True) -> Verdict:
        """Search. With ``stop_at_first`` False, go on after a counterexample to collect all final states."""
        started = perf_counter()
        with guarded(), _no_collector():
            while True:
                try:
                    return self._attempt(started, stop_at_first)
                except NeedsAttempts:
                    self._count_attempts = True
                except SchemaChanges:
                    self.schema_changes = True
                except GrowingMemory:
                    self._ignore_memory = True
                except MemoryMatters:
                    self._ignore_memory, self._tell_all_apart = False, True

    def _attempt(self, started: float, stop_at_first: bool) -> Verdict:
        self.finals.clear()
        self.final_contents.clear()
        scenario = self.scenario
        host = GreenletHost(self.program, scenario.entry, scenario.messages)
        host.ignore_memory, host.tell_all_apart = self._ignore_memory, self._tell_all_apart
        tree = Tree(host)
        with SqliteStore(scenario.prepare, self.journal, self.schema_changes) as store:
            effects = RememberedEffects(tree, store, self._count_attempts, self.memory)
            world = World(tree, effects, len(scenario.messages), self.bounds, self.journal, self._count_attempts)
            self._steps: list[Step] = []
            try:
                exploring = perf_counter()
                with Watchdog(_TICK, lambda frame: host.tick(frame, _TICK), host.interrupt):
                    verdict = self._explore_twice(world, effects, store, host, started, stop_at_first)
                    self.seconds_exploring = perf_counter() - exploring
                    verdict = replace(verdict, schedules=self._count())
                    if isinstance(verdict, Proved):
                        verdict = (
                            self._make_sure(host, tree) or self._memory_is_harmless(host, tree, started) or verdict
                        )
                if host.unsupported is not None:
                    what, line = host.unsupported
                    why = f"the answer uses what this simulation does not have: {what}. Find another way"
                    return Undetermined(why, verdict.schedules, verdict.states, line)
                return verdict
            except Stopped:
                return Undetermined("stopped by you", self._count(), len(self._steps))
            except _Unrepeatable as error:
                return Undetermined(str(error), 0, len(self._steps), error.line)
            except Mismatch:
                why = (
                    "two runs of the same schedule differ: the database answered otherwise the second time. "
                    "random() in SQL, or memory outside the handler, may be the reason"
                )
                return Undetermined(why, 0, len(self._steps))
            finally:
                self.final_contents |= {store.contents(number) for number, _ in self.finals}
                self.statistics = Statistics(
                    len(self._steps),
                    effects.real,
                    effects.replays,
                    host.calls,
                    len(tree.nodes),
                    perf_counter() - started,
                )
                host.close()
                for step in self._steps:
                    step.next.clear()

    def _make_sure(self, host: GreenletHost, tree: Tree) -> Undetermined | None:
        """Run every delivery that was seen once more: what was remembered must have been no accident."""
        for node in tree.nodes:
            if node.ended and (wrong := host.check_again(node)):
                return Undetermined(wrong.why, 0, len(self._steps), host.unrepeatable_line)
        return None

    def _memory_is_harmless(self, host: GreenletHost, tree: Tree, started: float) -> Undetermined | None:
        """After a search that took every process for fresh: was that right?"""
        if not self._ignore_memory:
            return None
        matters = host.memory_matters(tree.nodes, started + self.seconds)
        if matters:
            raise MemoryMatters
        if matters is False:
            return None
        why = "what the handler remembers takes ever new values and may change what it does: too many to try them all"
        return Undetermined(why, 0, len(self._steps))

    # -- the search ------------------------------------------------------------------------------------

    def _explore_twice(
        self,
        world: World,
        effects: RememberedEffects,
        store: SqliteStore,
        host: GreenletHost,
        started: float,
        stop_at_first: bool,
    ) -> Verdict:
        """Counting switches exactly takes a third more states: who made the last step is then part of the state.

        Most mistakes are found among the first few hundred states, counted exactly. If not, the rest is searched
        without, and exactly again only when something was found.
        """
        rest = (world, effects, store, host, started, stop_at_first)
        self._exact = stop_at_first
        verdict = self._explore(*rest, most=_FIRST_LOOK) if stop_at_first else None
        if verdict is None:
            self._exact = False
            verdict = self._explore(*rest)
            if stop_at_first and isinstance(verdict, Refuted | Stuck):
                self._exact = True
                verdict = self._explore(*rest)
        assert verdict is not None
        return verdict

    def _explore(
        self,
        world: World,
        effects: RememberedEffects,
        store: SqliteStore,
        host: GreenletHost,
        started: float,
        stop_at_first: bool,
        most: int | None = None,
    ) -> Verdict | None:
        self._steps = []
        effects.forget_place()
        first = Step(None, None, world.initial(0), (0, 0, 0, 0))
        known: dict[Any, Step] = {self._key(first.state): first}
        heap: list[tuple[Cost, int, Step]] = [(first.cost, 0, first)]
        serial = 0
        level = 0
        expanded = self._steps
        level_start = 0
        found: Verdict | None = None
        judged: dict[int, str | None] = {}
        nodes = world.tree.nodes
        key_of, apply = self._key, world.apply
        while heap:
            cost, _, step = heapq.heappop(heap)
            if step.expanded:
                continue
            if cost[0] > level:
                found = found or self._stuck(expanded[level_start:])
                if found and stop_at_first:
                    return found
                level, level_start = cost[0], len(expanded)
            step.expanded = True
            expanded.append(step)
            state = step.state
            if most is not None and len(expanded) > most:
                return None
            if host.stopped:
                raise Stopped
            if len(expanded) % 512 == 0:
                if self.progress is not None:
                    self.progress(len(expanded))
                if perf_counter() - started > self.seconds:
                    return self._gave_up(f"the time limit of {self.seconds:g} seconds was reached")
                if len(expanded) >= self.most_states:
                    return self._gave_up(f"the limit of {self.most_states:,} states was reached")
            for process in state.processes:
                if process.message >= 0:
                    request = nodes[process.node].request
                    if type(request) is Hung:
                        found = found or self._stuck_at(step, "hung", request.why)
                    elif type(request) is Unrepeatable:
                        raise _Unrepeatable(request.why, nodes[process.node].line)
            if state.dead:
                found = found or self._stuck_at(step, "poison", "")
            if found and stop_at_first:
                return found
            moves = world.steps(state)
            if not moves and not any(p.message >= 0 for p in state.processes):
                self.finals.add((state.contents, state.dead))
                if state.contents not in judged:
                    judged[state.contents] = self.scenario.judge(store.contents(state.contents))
                wrong = judged[state.contents]
                if wrong is not None and not state.dead:
                    found = found or Refuted(step.schedule(), self.journal, 0, len(expanded), wrong)
                    if stop_at_first:
                        return found
            effects.here = step
            last = state.last if self._exact else -2
            faults = world.faults(state)
            count_moves = len(moves)
            for index, choice in enumerate((*moves, *faults)):
                effects.moved = False
                after = apply(state, choice)
                faulty = index >= count_moves
                new_cost = (
                    cost[0] + faulty,
                    cost[1] + (faulty and choice.kind in CONSUMERS_OWN),
                    cost[2] + (not faulty and choice.process != last and last >= 0),
                    cost[3] + 1,
                )
                key = key_of(after)
                other = known.get(key)
                if other is None:
                    other = known[key] = Step(step, choice, after, new_cost)
                    if effects.moved:
                        effects.at = other
                    serial -= 1
                    heapq.heappush(heap, (new_cost, serial, other))
                elif new_cost < other.cost and not other.expanded:
                    other.parent, other.choice, other.state, other.cost = step, choice, after, new_cost
                    serial -= 1
                    heapq.heappush(heap, (new_cost, serial, other))
                step.next.append((faulty, other))
        found = found or self._stuck(expanded[level_start:])
        if found:
            return found
        return Proved(0, len(expanded))

    def _gave_up(self, why: str) -> Undetermined:
        return Undetermined(why, 0, len(self._steps))

    def _key(self, state: State) -> Any:
        last = state.last if self._exact else -2
        processes: Any = [(index == last, *process) for index, process in enumerate(state.processes)]
        if self.symmetry:
            processes.sort()
        return (
            *processes,
            state.ready,
            state.exceptions,
            state.attempts if self._count_attempts else None,
            state.acknowledged,
            state.dead,
            state.contents,
            state.faults,
        )

    # -- after a level ---------------------------------------------------------------------------------

    def _stuck(self, level: Sequence[Step]) -> Stuck | None:
        """The cheapest state of this fault level from which no fault-free path comes to an end."""
        before: dict[int, list[Step]] = {}
        reached: set[int] = set()
        todo: list[Step] = []
        for step in level:
            state = step.state
            onward = False
            for faulty, after in step.next:
                if not faulty:
                    onward = True
                    before.setdefault(id(after), []).append(step)
            if not onward and not any(p.message >= 0 for p in state.processes):
                reached.add(id(step))
                todo.append(step)
        while todo:
            for step in before.get(id(todo.pop()), ()):
                if id(step) not in reached:
                    reached.add(id(step))
                    todo.append(step)
        lost = [step for step in level if id(step) not in reached]
        if not lost:
            return None
        worst = min(lost, key=lambda step: step.cost)
        dead_end = not any(not faulty for faulty, _ in worst.next)
        return self._stuck_at(worst, "dead end" if dead_end else "circle", "")

    def _stuck_at(self, step: Step, reason: str, detail: str) -> Stuck:
        return Stuck(step.schedule(), self.journal, 0, len(self._steps), reason, detail)

    def _count(self) -> int:
        """How many complete schedules the explored states stand for, going round no circle twice, and counting
        schedules that differ only in the letters of the consumers once."""
        if not self._steps:
            return 0
        counts: dict[int, int] = {}
        on_way: set[int] = set()
        first = self._steps[0]
        stack: list[tuple[Step, Iterator[tuple[bool, Step]]]] = [(first, iter(first.next))]
        totals = [0]
        on_way.add(id(first))
        while stack:
            step, following = stack[-1]
            for _, after in following:
                if id(after) in counts:
                    totals[-1] += counts[id(after)]
                elif id(after) not in on_way:
                    on_way.add(id(after))
                    stack.append((after, iter(after.next)))
                    totals.append(0)
                    break
            else:
                stack.pop()
                total = totals.pop()
                if not step.next and step.expanded:
                    total = 1
                counts[id(step)] = total
                on_way.discard(id(step))
                if totals:
                    totals[-1] += total
        return counts[id(first)]
