"""Every schedule within the bounds: fewest faults first (the queue's own before others), fewest switches, shortest."""

from __future__ import annotations

import contextlib
import gc
import heapq
import re
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from time import perf_counter, process_time
from typing import NamedTuple

from ..simulation.calls import Role
from ..simulation.choices import TIME_IS_LEFT, Kind
from ..simulation.guards import guarded
from ..simulation.hosts import GrowingMemory, Stopped
from ..simulation.live import LiveEffects, NeedsAttempts, NeedsClock, NeedsPast, SchemaChanges
from ..simulation.operations import Hung, ReadClock, SqlStatement, Unrepeatable
from ..simulation.process import MOST_ROUNDS, ROUNDS, Line, Tree
from ..simulation.program import Program
from ..simulation.sqlite_store import Contents, Journal, SqliteStore
from ..simulation.watchdog import Watchdog
from ..simulation.world import MOST_MISSED, MOST_TIMES, PATIENT, Bounds, World
from .hosted import Hosted, Hosts
from .no_return import has_hope
from .reduction import Cost, Mismatch, RememberedEffects, Rounds, Step, carried_on, hints_matter
from .replay import replay
from .scenario import Scenario
from .schedule import BadSchedule, to_text
from .stage import TICK, AnyHost, Final, Forbidden, Needs, Stores, everything, stores, world_of, wrong_at_end
from .transitions import Packed, Transitions
from .verdict import Proved, Refuted, Stuck, Undetermined, Verdict

_LOOK_FOR_GROWTH = 2_000
"""States after which the search asks whether it is following something that grows for ever."""
_LONGEST_RUN = 1_500
"""Steps of a run of a few messages that is taken for endless when its contents still change."""
_MOST_MEMORIES, _FEW_MEMORIES = 50_000, 300
"""Memories to try afterwards; few where telling all apart takes no more."""
TOO_MANY_MEMORIES = (
    "what the handler remembers takes ever new values and may change what it does: too many to try them all"
)
_TELLS_JOURNALS_APART = re.compile(r"exclusive|journal|\bwal", re.IGNORECASE)
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
def no_collector() -> Iterator[None]:
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


def _groups(roles: Sequence[Role]) -> tuple[int, ...]:
    """Processes of one role run the same code, so they may be exchanged; others may not. Senders have packets of their
    own, which the state names by the sender's place."""
    return tuple(index if role is Role.SENDER else roles.index(role) for index, role in enumerate(roles))


def _limits(world: World) -> tuple[str, ...]:
    """What a search that found nothing has cut off besides its bounds."""
    tree, found = world.tree, []
    if tree.circles:
        lines = _lines(tree.circles)
        found.append(f"a loop that had gone round {MOST_ROUNDS:,} times was taken for endless ({lines})")
    if tree.skips:
        lines = _lines(tree.skips)
        found.append(f"others step in during the first {ROUNDS} rounds of a loop and its last, not between ({lines})")
    if world.held_back:
        found.append(f"what a process has inserted is gone when it looks it up at most {MOST_MISSED} times a run")
    if world.count_clock:
        found.append(f"time passes at most {world.most_times} times from one acknowledgement to the next")
    return tuple(found)


def _lines(places: Iterable[Line]) -> str:
    numbers = sorted({line for _, line in places})
    return f"line{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"


_Place = tuple[Step, tuple[int, ...]]
"""A state, and the faults of each kind with which it is reached on a way on which these are counted."""


class HintsMatter(Exception):
    """The answer does otherwise where the queue says that a message was delivered before."""


class NeedsPatience(Exception):
    """Somebody waits, and time has passed as often as it may: it may be that it has to pass more often."""


class SeemsStuck(Exception):
    """A message is never acknowledged where processes are taken for fresh; it may be where they remember."""


class MemoryMatters(Exception):
    """Processes behave by what they remember, and it takes many values: all have to be told apart."""


class SchemasStay(Exception):
    """Most schemas are changed by nobody, so that reading them need be no step; or, where something was found without
    such steps, they are wanted again."""


#: Exceptions by which a search begins again; any other that leaves it is a fault.
CONTROL = (
    SchemasStay,
    SeemsStuck,
    NeedsAttempts,
    HintsMatter,
    SchemaChanges,
    NeedsClock,
    GrowingMemory,
    MemoryMatters,
    NeedsPatience,
)


@dataclass(slots=True)
class _UnderWay:
    """What a search works with, until it is closed."""

    hosted: Hosted
    stores: Stores
    effects: RememberedEffects
    levels: Generator[int, None, Verdict]
    resources: contextlib.ExitStack
    began: float
    calls: int
    """How many calls had been made when it began."""
    next: int = 0
    """How many faults the schedules have that come next."""

    def up_to(self, faults: int | None) -> Verdict | None:
        """Go on until the schedules that come next have more faults, or to the end."""
        try:
            while faults is None or self.next <= faults:
                self.next = next(self.levels)
        except StopIteration as end:
            verdict: Verdict = end.value
            return verdict
        return None

    def close(self, search: Search) -> None:
        """Note what has been found, and let everything go."""
        hosted, effects, both = self.hosted, self.effects, self.stores
        self.levels.close()
        try:
            search.final_contents |= {
                everything(search.scenario, final, both.sqlite.contents(final.contents), both.redis)
                for final in search.finals
            }
            search.statistics = Statistics(
                len(search._steps),
                effects.real,
                effects.replays,
                hosted.host.calls - self.calls,
                len(hosted.tree.nodes),
                perf_counter() - self.began,
            )
        finally:
            self.resources.close()
            for step in search._steps:
                step.next.clear()
            effects.forget_place()  # which knows of steps, which know of it: only the collector of garbage would see


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
        try_memories: bool = True,
        hosts: Hosts | None = None,
    ) -> None:
        """``try_memories``: False where memories without number were seen elsewhere to be too many to try. ``hosts``:
        those of other searches, which whoever gives them closes."""
        self.program = program
        self.scenario = scenario
        self.journal: Journal = journal
        self.bounds = bounds or scenario.bounds
        self.most_faults = self.bounds.faults
        """As many faults as the schedules have that are searched; may be lowered while a search is open."""
        self.symmetry = symmetry
        self.memory = memory
        self.seconds = seconds
        self.most_states = most_states
        self.progress = progress
        self.try_memories = try_memories
        self._hosts = hosts or Hosts(program)
        self._own_hosts = hosts is None
        self.finals: set[Final] = set()
        """What matters of the states at the ends of runs."""
        self.final_contents: set[Contents] = set()
        self.statistics = Statistics(0, 0, 0, 0, 0, 0.0)
        self.seconds_exploring = 0.0
        """Seconds from the open database to the verdict."""
        self.needs = Needs()
        self._ignore_memory = self._tell_all_apart = False
        self._exact = True
        self._steps: list[Step] = []
        self._used = 0.0
        """Seconds of computing until now."""
        self._under_way: _UnderWay | None = None
        self._asked_for_hint = False
        self._all_schemas = False
        """Reading a schema is a step, whether anybody changes it or not."""
        self.journals_alike = False
        """In the other journal mode the same would have been found, schedule by schedule: see `_are_journals_alike`."""
        self.draws_matter = False
        """The answer draws numbers that may be very small, or very large."""
        self.clock_matters = False
        """The answer looks at a clock that can be set, and at no other."""
        self.hints_matter = False
        """The answer does otherwise where the queue says another number of deliveries."""

    @property
    def schema_changes(self) -> bool:
        """Whether the answer makes or drops tables, so that reading the schema is a step like any other."""
        return self.needs.schema

    def run(self, stop_at_first: bool = True) -> Verdict:
        """Search. With ``stop_at_first`` False, go on after a counterexample to collect all final states."""
        try:
            verdict = self.advance(None, stop_at_first)
        finally:
            self.close()
        assert verdict is not None
        return verdict

    def advance(self, faults: int | None, stop_at_first: bool = True) -> Verdict | None:
        """Search on, first the schedules without a fault, then those with one, and so on to those with ``faults``; None
        where there are more to come. The search stays open then: see `close`."""
        with guarded(), no_collector():
            while True:
                try:
                    return self._go_on(faults, stop_at_first)
                except NeedsAttempts as error:
                    self.needs = self.needs._replace(attempts=True)
                    self._asked_for_hint = self._asked_for_hint or bool(error.args)
                except HintsMatter:
                    self.hints_matter = True
                except SchemaChanges as error:
                    self.needs = self.needs._replace(schema=True)
                    if error.args and self.needs.changing is not None:
                        self.needs = self.needs._replace(changing=self.needs.changing | {error.args[0]})
                except SchemasStay:
                    self._all_schemas = self.needs.changing is not None
                    self.needs = self.needs._replace(changing=None if self._all_schemas else frozenset())
                except NeedsClock:
                    self.needs = self.needs._replace(clock=True)
                except NeedsPast:
                    self.needs = self.needs._replace(past=True)
                except NeedsPatience as error:
                    seemed = error.args[0]
                    if not has_hope(self.program, self.scenario, seemed.schedule, self.journal):
                        return seemed  # type: ignore[no-any-return]
                    self.needs = self.needs._replace(patience=True)
                except SeemsStuck as error:
                    stuck: Stuck = error.args[0]
                    if not self._ends_all_the_same(stuck):
                        return stuck
                    self._ignore_memory, self._tell_all_apart = False, True
                except GrowingMemory:
                    self._ignore_memory = True
                except MemoryMatters:
                    self._ignore_memory, self._tell_all_apart = False, True

    def close(self) -> None:
        """Search no further."""
        if self._under_way is not None:
            under_way, self._under_way = self._under_way, None
            try:
                under_way.close(self)
            finally:
                if self._own_hosts:
                    self._hosts.close()

    def _begin(self, stop_at_first: bool) -> _UnderWay:
        self.finals.clear()
        self.final_contents.clear()
        scenario = self.scenario
        needs = self.needs
        resources = contextlib.ExitStack()
        both = resources.enter_context(stores(scenario, self.journal, needs))
        try:
            hosted = self._hosts.of(scenario, self._ignore_memory, self._tell_all_apart)
            host, tree = hosted.host, hosted.tree
            effects = RememberedEffects(
                tree, both.sqlite, needs.attempts, self.memory, both.redis, needs.clock, needs.past
            )
            effects.live.ignore_hints = not self.hints_matter and scenario.loop is None and stop_at_first
            world = world_of(tree, effects, scenario, self.bounds, self.journal, needs)
            world.most_times = PATIENT if needs.patience else MOST_TIMES
        except BaseException:
            resources.close()
            raise
        self._groups = _groups(world.roles)
        self._steps = []
        self._transitions = Transitions(world, effects, self._groups, self.symmetry, self.memory)
        levels = self._explore_twice(world, effects, host, stop_at_first)
        return _UnderWay(hosted, both, effects, levels, resources, perf_counter(), host.calls)

    def _go_on(self, faults: int | None, stop_at_first: bool) -> Verdict | None:
        if self._under_way is not None and self._under_way.hosted.broken:
            self.close()
        if self._under_way is None:
            self._under_way = self._begin(stop_at_first)
        here = self._under_way
        hosted, effects = here.hosted, here.effects
        host, tree = hosted.host, hosted.tree
        self._started = process_time() - self._used
        verdict: Verdict | None = None
        more = False
        try:
            exploring = perf_counter()
            with Watchdog(TICK, lambda frame: host.tick(frame, TICK), host.interrupt):
                verdict = here.up_to(faults)
                self.seconds_exploring += perf_counter() - exploring
                self.journals_alike = self._are_journals_alike(tree, effects.store)
                if verdict is None and host.unsupported is None:
                    asked = effects.live.hints_read or self._asked_for_hint
                    if faults and asked and effects.live.ignore_hints and hints_matter(tree):
                        raise HintsMatter  # rather than search further for what can't be found so
                    more = True
                    return None
                if verdict is not None:
                    self._look_at_hints(effects.live, tree, verdict)
                    steady = any(isinstance(n.request, ReadClock) and n.request.steady for n in tree.nodes)
                    self.clock_matters = self.needs.clock and not steady
                    self.draws_matter = effects.live.drew_few or effects.store.drew
                    verdict = replace(verdict, schedules=self._count())
                waits = isinstance(verdict, Stuck) and verdict.reason in ("circle", "dead end")
                if waits and self.needs.clock and not self.needs.patience:
                    raise NeedsPatience(verdict)
                if isinstance(verdict, Stuck) and self._ignore_memory:
                    raise SeemsStuck(verdict)
                if isinstance(verdict, Proved):
                    verdict = self._make_sure(host, tree) or self._memory_is_harmless(host, tree) or verdict
            if host.unsupported is not None:
                return Undetermined.for_want_of(
                    *host.unsupported, verdict.schedules if verdict else 0, len(self._steps)
                )
            return verdict
        except Stopped:
            hosted.broken = True
            return Undetermined("stopped by you", self._count(), len(self._steps))
        except _Unrepeatable as error:
            return Undetermined(str(error), 0, len(self._steps), error.line)
        except Mismatch:
            why = (
                "two runs of the same schedule differ: the database answered otherwise the second time. "
                "memory outside the handler may be the reason"
            )
            return Undetermined(why, 0, len(self._steps))
        except Exception as error:
            hosted.broken = True
            if not isinstance(error, CONTROL) and not hasattr(error, "__notes__"):
                where = to_text(effects.here.schedule()) if effects.here is not None else ""
                error.add_note(f'searching "{self.scenario.name}", journal {self.journal}, at schedule "{where}"')
            raise
        finally:
            self._used = process_time() - self._started
            if not more:
                self.close()

    def _are_journals_alike(self, tree: Tree, store: SqliteStore) -> bool:
        """Whether what was searched is the same in both journal modes.

        They differ in what becomes of one who has read in a transaction and not written, and in `BEGIN EXCLUSIVE`. A
        statement of its own, and a transaction that holds the lock for writing, read and write alike in both. Who is
        no process may read at any time.
        """
        if self.scenario.outsider or store.read_on:
            return False
        return not any(
            isinstance(node.request, SqlStatement) and _TELLS_JOURNALS_APART.search(node.request.sql)
            for node in tree.nodes
        )

    def _look_at_hints(self, live: LiveEffects, tree: Tree, verdict: Verdict) -> None:
        """After a search in which every delivery was said to be the first: was that right?

        Raises:
            HintsMatter: it was not.
        """
        if not live.hints_read and not self._asked_for_hint:
            return
        if not live.ignore_hints:
            self.hints_matter = True
        elif not isinstance(verdict, Proved) or hints_matter(tree):
            raise HintsMatter

    def _ends_all_the_same(self, verdict: Stuck) -> bool:
        """After a search that took every process for fresh: whether a run comes to its end in which they remember."""
        try:
            run = replay(self.program, self.scenario, verdict.schedule, self.journal)
        except BadSchedule:
            return True
        return run.ended and run.wrong is None and not run.dead and run.hung is None

    def _make_sure(self, host: AnyHost, tree: Tree) -> Undetermined | None:
        """Run every delivery that was seen once more: what was remembered must have been no accident."""
        wrong = host.check_all(tree.hosted)
        return Undetermined(wrong.why, 0, len(self._steps), host.unrepeatable_line) if wrong else None

    def _memory_is_harmless(self, host: AnyHost, tree: Tree) -> Undetermined | None:
        """After a search that took every process for fresh: was that right?"""
        if not self._ignore_memory:
            return None
        one_way = self.scenario.between > 0  # as many memories as messages, and no two ways to most of them
        most = _FEW_MEMORIES if one_way else _MOST_MEMORIES
        matters = host.memory_matters(tree.hosted, self._started + self.seconds, most) if self.try_memories else None
        if matters or (matters is None and one_way):
            raise MemoryMatters
        if matters is False:
            return None
        return Undetermined(TOO_MANY_MEMORIES, 0, len(self._steps))

    # -- the search ------------------------------------------------------------------------------------

    def _explore_twice(
        self, world: World, effects: RememberedEffects, host: AnyHost, stop_at_first: bool
    ) -> Generator[int, None, Verdict]:
        """Yields the number of faults of the schedules that come next.

        Counting switches exactly takes a third more states: who made the last step is then part of the state. Most
        mistakes are found among the first few hundred states, counted exactly. If not, the rest is searched without,
        and exactly again only when something was found.
        """
        rest = (world, effects, host, stop_at_first)
        self._exact = stop_at_first
        verdict = (yield from self._explore(*rest, most=_FIRST_LOOK)) if stop_at_first else None
        if verdict is None:
            self._exact = False
            if stop_at_first and self.needs.schema and self.needs.changing is None and not self._all_schemas:
                raise SchemasStay
            verdict = yield from self._explore(*rest)
        assert verdict is not None
        if isinstance(verdict, Refuted | Stuck):
            if self.needs.changing is not None:
                raise SchemasStay  # whoever carries it out takes all of these steps
            if stop_at_first and not self._exact:
                self._exact = True
                verdict = yield from self._explore(*rest)
                assert verdict is not None
        return verdict

    def _explore(
        self,
        world: World,
        effects: RememberedEffects,
        host: AnyHost,
        stop_at_first: bool,
        most: int | None = None,
    ) -> Generator[int, None, Verdict | None]:
        self._steps = []
        effects.forget_place()
        transitions, exact = self._transitions, self._exact
        initial = world.initial(0)
        first = Step(None, None, initial, (0, 0, 0, 0), (), transitions.packed(initial), transitions)
        first.key = transitions.key(transitions.packed(initial), exact)
        known: dict[Packed, Step] = {first.key: first}
        alike: dict[Packed, list[Step]] = {}
        """By all but the faults used, what has been expanded."""
        heap: list[tuple[Cost, int, Step]] = [(first.cost, 0, first)]
        serial = 0
        level = 0
        expanded = self._steps
        level_start = 0
        found: Verdict | None = None
        looked_at = _LOOK_FOR_GROWTH
        judged: dict[Final, str | None] = {}
        scenario = self.scenario
        unexpected = ~scenario.expected_dead
        key_of, possible, leads_to = transitions.key, transitions.possible, transitions.after
        forbidden = Forbidden(scenario, effects.store, effects.redis)
        while True:
            if not heap:
                for late in self._let_time_pass(world, effects, known, expanded[level_start:]):
                    serial -= 1
                    heapq.heappush(heap, (late.cost, serial, late))
                if not heap:
                    break
            cost, _, step = heapq.heappop(heap)
            if step.expanded:
                continue
            if cost[0] > level:
                waiting = self._let_time_pass(world, effects, known, expanded[level_start:])
                if waiting:  # this level goes on
                    for late in (*waiting, step):
                        serial -= 1
                        heapq.heappush(heap, (late.cost, serial, late))
                    continue
                found = found or self._stuck(world, expanded[level_start:])
                if found and stop_at_first:
                    return found
                level, level_start = cost[0], len(expanded)
                yield level
                if level > self.most_faults:
                    break
            step.expanded = True
            others = alike.setdefault(step.key[:-1], [])
            step.covered_by = next((o for o in others if transitions.covers(o.key[-1], step.key[-1])), None)
            if step.covered_by is not None:
                continue
            others.append(step)
            expanded.append(step)
            if most is not None and len(expanded) > most:
                return None
            if host.stopped:
                raise Stopped
            if host.unsupported is not None:  # nothing that is found after this can count
                return self._gave_up("")
            if len(expanded) == looked_at:
                looked_at *= 4
                for start in (expanded[0], step):
                    if self._runs_for_ever(world, effects, start):
                        return self._stuck_at(start, "circle", "")
            if len(expanded) % 512 == 0:
                if self.progress is not None:
                    self.progress(len(expanded))
                if process_time() - self._started > self.seconds:
                    return self._gave_up(f"the limit of {self.seconds:g} seconds of computing was reached")
                if len(expanded) >= self.most_states:
                    return self._gave_up(f"the limit of {self.most_states:,} states was reached")
            if forbidden.something and (wrong := forbidden(step.state)) is not None:
                found = found or Refuted(step.schedule(), self.journal, 0, len(expanded), wrong)
                if stop_at_first:
                    return found
                continue  # a run ends where that is seen
            goes_round = False
            packed = step.packed
            assert packed is not None
            for node in transitions.nodes(packed):
                request = node.request
                if type(request) is Hung:
                    found = found or self._stuck_at(step, "hung", request.why)
                elif type(request) is Unrepeatable:
                    raise _Unrepeatable(request.why, node.line)
                goes_round = goes_round or node.skip is not None
            dead = transitions.dead(packed) & unexpected
            if dead:
                found = found or self._stuck_at(step, "poison", "")
            if found and stop_at_first:
                return found
            moves, faults = possible(step)
            if not moves and world.has_ended(step.state):
                state = step.state
                final = Final.of(scenario, world, state)
                self.finals.add(final)
                if final not in judged:
                    judged[final] = wrong_at_end(scenario, world, state, effects.live)
                    if scenario.closing:
                        effects.at = None
                wrong = judged[final]
                if wrong is not None and not dead:
                    found = found or Refuted(step.schedule(), self.journal, 0, len(expanded), wrong)
                    if stop_at_first:
                        return found
            effects.here = step
            last = packed[-1] if exact else -2
            count, own, switches, length = cost
            following = step.next
            for faulty, options in ((False, moves), (True, faults)):
                for option in options:
                    effects.moved = False
                    choice = option.choice
                    rounds: Rounds = ()
                    if goes_round and (far := carried_on(world, effects, step, choice)) is not None:
                        away, rounds = far
                        after = transitions.packed(away)
                        effects.moved = False
                    else:
                        after = leads_to(step, option)
                    key = key_of(after, exact)
                    other = known.get(key)
                    if other is not None and other.expanded:
                        following.append((faulty, other))
                        continue
                    new_cost = (
                        count + faulty,
                        own + (faulty and option.own),
                        switches + (last >= 0 and choice.kind is Kind.STEP and choice.process != last),
                        length + (len(rounds) or 1),
                    )
                    if other is None:
                        other = known[key] = Step(step, choice, None, new_cost, rounds, after, transitions)
                        other.key = key
                        if effects.moved:
                            effects.at = other
                        serial -= 1
                        heapq.heappush(heap, (new_cost, serial, other))
                    elif new_cost < other.cost:
                        other.parent, other.choice, other.cost = step, choice, new_cost
                        other.rounds = rounds
                        other.moved_to(after)
                        if effects.at is other:  # there the processes may have one another's places
                            effects.at = None
                        serial -= 1
                        heapq.heappush(heap, (new_cost, serial, other))
                    following.append((faulty, other))
        found = found or self._stuck(world, expanded[level_start:])
        if found:
            return found
        return Proved(0, len(expanded), _limits(world))

    def _runs_for_ever(self, world: World, effects: RememberedEffects, start: Step) -> bool:
        """Whether fault-free runs from here don't come to an end, each step leading to something new: a table that
        grows with every try. The states are then without number, so no circle would ever be found among them."""
        longest = _LONGEST_RUN * (1 + len(self.scenario.messages) // 10)
        for favourite in (0, 1, -1):
            step = start
            contents = set()
            for length in range(longest):
                moves = world.steps(step.state)
                if not moves:
                    return False
                choice = moves[(favourite * length) % len(moves)]
                if length % 100 == 99 and world.time_matters and world.time_can_pass(step.state):
                    choice = TIME_IS_LEFT  # it may be waiting for a lease to end
                elif favourite == 0:
                    choice = next((move for move in moves if move.process == step.state.last), moves[0])
                effects.here = step
                step = Step(step, choice, world.apply(step.state, choice), step.cost)
                if effects.moved:
                    effects.at = step
                    effects.moved = False
                contents.add((step.state.contents, step.state.redis))
            if len(contents) < longest // 50:
                return False
        return True

    def _gave_up(self, why: str) -> Undetermined:
        return Undetermined(why, 0, len(self._steps))

    # -- after a level ---------------------------------------------------------------------------------

    def _let_time_pass(
        self, world: World, effects: RememberedEffects, known: dict[Packed, Step], level: Sequence[Step]
    ) -> list[Step]:
        """Where no fault-free path comes to an end, time goes on: what waits for a lease is not stuck."""
        if not world.time_matters:
            return []
        found = []
        transitions = self._transitions
        for step in self._lost(world, level):
            if any(after.choice == TIME_IS_LEFT for _, after in step.next) or not world.time_can_pass(step.state):
                continue
            effects.here = step
            after = transitions.packed(world.apply(step.state, TIME_IS_LEFT))
            key = transitions.key(after, self._exact)
            other = known.get(key)
            if other is None:
                cost = (*step.cost[:3], step.cost[3] + 1)
                other = known[key] = Step(step, TIME_IS_LEFT, None, cost, (), after, transitions)
                other.key = key
                found.append(other)
            step.next.append((False, other))
        return found

    def _stuck(self, world: World, level: Sequence[Step]) -> Stuck | None:
        """The cheapest state of this fault level from which no fault-free path comes to an end."""
        lost = self._lost(world, level)
        if not lost:
            return None
        worst = min(lost, key=lambda step: step.cost)
        dead_end = not any(not faulty for faulty, _ in worst.next)
        return self._stuck_at(worst, "dead end" if dead_end else "circle", "")

    def _lost(self, world: World, level: Sequence[Step]) -> list[Step]:
        """The states of this fault level from which no fault-free path comes to an end."""
        before: dict[Step, list[Step]] = {}
        reached: set[Step] = set()
        todo: list[Step] = []
        for step in level:
            onward = False
            for faulty, after in step.next:
                if not faulty:
                    onward = True
                    if after.covered_by is not None:  # from there an end was found with fewer faults
                        if step not in reached:
                            reached.add(step)
                            todo.append(step)
                        continue
                    others = before.get(after)
                    if others is None:
                        before[after] = [step]
                    else:
                        others.append(step)
            if not onward and world.has_ended(step.state):
                reached.add(step)
                todo.append(step)
        while todo:
            for step in before.get(todo.pop(), ()):
                if step not in reached:
                    reached.add(step)
                    todo.append(step)
        return [step for step in level if step not in reached]

    def _stuck_at(self, step: Step, reason: str, detail: str) -> Stuck:
        return Stuck(step.schedule(), self.journal, 0, len(self._steps), reason, detail)

    def _count(self) -> int:
        """How many complete schedules the explored states stand for, going round no circle twice, and counting
        schedules that differ only in the letters of the consumers once."""
        if not self._steps:
            return 0
        used = self._transitions.faults_used
        bounds = self.bounds.by_kind
        most = min(self.most_faults, self.bounds.faults)

        def following(step: Step, faults: tuple[int, ...]) -> list[_Place]:
            """What comes after a state that was reached with these faults, or with some of them."""
            places: list[_Place] = []
            assert step.packed is not None
            before = used(step.packed)
            for faulty, after in step.next:
                where = after.covered_by or after
                if not faulty:
                    places.append((where, faults))
                    continue
                assert after.packed is not None
                more = tuple(f + a - b for f, a, b in zip(faults, used(after.packed), before, strict=True))
                if sum(more) <= most and all(a <= b for a, b in zip(more, bounds, strict=True)):
                    places.append((where, more))
            return places

        counts: dict[_Place, int] = {}
        on_way: set[_Place] = set()
        first = self._steps[0], (0,) * len(bounds)
        places = following(*first)
        stack: list[tuple[_Place, Iterator[_Place]]] = [(first, iter(places))]
        totals = [0 if places else 1]
        on_way.add(first)
        while stack:
            place, coming = stack[-1]
            for after in coming:
                count = counts.get(after)
                if count is not None:
                    totals[-1] += count
                elif after not in on_way:
                    on_way.add(after)
                    places = following(*after)
                    stack.append((after, iter(places)))
                    totals.append(1 if not places and after[0].expanded else 0)
                    break
            else:
                stack.pop()
                total = counts[place] = totals.pop()
                on_way.discard(place)
                if totals:
                    totals[-1] += total
        return counts[first]
