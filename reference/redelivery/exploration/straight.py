"""One run, straight through: one consumer, everything delivered and, when it is done, delivered once more.

A search branches at every step, so it can afford a handful of messages. A straight run doesn't branch: it takes
hundreds, and finds what goes wrong by the values that they hold.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..simulation.calls import Role
from ..simulation.choices import TIME_IS_LEFT, TIME_PASSES, Choice, Kind
from ..simulation.guards import guarded
from ..simulation.hosts import Stopped
from ..simulation.live import LiveEffects
from ..simulation.operations import Acknowledge, CallService, Hung, Receive, Returned, SendPayment, Unrepeatable
from ..simulation.process import MOST_OPERATIONS, Tree
from ..simulation.program import Program
from ..simulation.sqlite_store import Journal
from ..simulation.watchdog import Watchdog
from ..simulation.world import State, World
from .scenario import Scenario
from .stage import TICK, AnyHost, Forbidden, Needs, close_here, host_of, stores, with_needs, world_of

#: Deliveries of one message after which a run is taken for endless.
_MOST_DELIVERIES = 60


@dataclass(frozen=True, slots=True)
class Right:
    """The run came to its end, and all claims hold. ``varies``: the answer drew random numbers, or looked at a clock or
    the queue's hints, which may be others another time."""

    varies: bool = False


@dataclass(frozen=True, slots=True)
class Wrong:
    """The run came to its end, and ``claim`` does not hold; ``schedule`` is what happened."""

    claim: str
    schedule: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class Endless:
    """The run did not come to its end."""

    why: str


@dataclass(frozen=True, slots=True)
class Unsupported:
    """The run was given up: the answer used ``what`` at ``line``, which is not simulated."""

    what: str
    line: tuple[str, int] | None


Outcome = Right | Wrong | Endless | Unsupported


def run_straight(program: Program, scenario: Scenario, journal: Journal = "wal", *, again: bool = True) -> Outcome:
    """Run ``scenario`` with one consumer and no fault but, with ``again``, that each message is delivered once more:
    its first acknowledgement gets lost (of a packet or a payment: the first answer)."""
    with guarded():
        return with_needs(lambda needs: _run(program, scenario, journal, again, needs))


def _run(program: Program, scenario: Scenario, journal: Journal, again: bool, needs: Needs) -> Outcome:
    host = host_of(program, scenario)
    host.one_process = True
    tree = Tree(host, shared=False, scripts=scenario.scripts)
    # A loop, or a job, has as much to do as there are messages.
    tree.most_operations = MOST_OPERATIONS + 50 * len(scenario.messages)
    with stores(scenario, journal, needs) as both:
        effects = LiveEffects(tree, both.sqlite, needs.attempts, False, both.redis, needs.clock, needs.past)
        world = world_of(tree, effects, scenario, scenario.bounds, journal, needs)
        try:
            with Watchdog(TICK, lambda frame: host.tick(frame, TICK), host.interrupt):
                return _Straight(world, effects, scenario, again, host).run()
        except Stopped:
            raise KeyboardInterrupt from None
        finally:
            host.close()


class _Straight:
    def __init__(self, world: World, effects: LiveEffects, scenario: Scenario, again: bool, host: AnyHost) -> None:
        self.host = host
        self.world = world
        self.effects = effects
        self.scenario = scenario
        self.again = again
        self.watch = Forbidden(scenario, effects.store, effects.redis)
        effects.carries_on = scenario.never is None
        self.repeated: set[object] = set()
        """What was delivered again, or is not going to be."""
        self.on_circles: set[State] = set()
        """Where a process goes round."""
        self.begun = 0
        """Calls that are no deliveries, since something got done, which is told by ``progress``."""
        self.progress: object = None
        self.deliveries: dict[int, int] = {}
        self.waited = False
        """Time has just passed, for another call to begin."""
        self.schedule: list[Choice] = []

    def run(self) -> Outcome:
        world, scenario = self.world, self.scenario
        state = world.initial(0)
        while True:
            if self.host.unsupported is not None:
                return Unsupported(*self.host.unsupported)
            if self.watch.something and (wrong := self.watch(state)) is not None:
                return Wrong(wrong, tuple(self.schedule))
            choice = self._next(state)
            if choice is None:
                break
            if isinstance(choice, Endless):
                return choice
            state = world.apply(state, choice)
            self.schedule.append(choice)
        if state.dead & ~scenario.expected_dead:
            dead = next(m for m in range(world.messages) if (state.dead & ~scenario.expected_dead) >> m & 1)
            return Endless(f"message {scenario.messages[dead][0]} is in the dead-letter queue")
        if not world.has_ended(state):
            return Endless("nobody can go on")
        self.effects.carries_on = False
        wrong = scenario.judge(close_here(scenario, state, self.effects)[0])
        if wrong is not None:
            return Wrong(wrong, tuple(self.schedule))
        effects = self.effects
        looks = effects.looks_at_clock or effects.store.clock_read or effects.hints_read
        return Right(effects.drew or effects.store.drew or looks)

    def _next(self, state: State) -> Choice | Endless | None:
        """Whoever is at work goes on; else a process of the part's own, at times the job."""
        world = self.world
        for process in state.processes:
            if process.message >= 0:
                node = world.tree.nodes[process.node]
                if isinstance(node.request, Hung | Unrepeatable):
                    return Endless(node.request.why)
                if node.circles:
                    if state in self.on_circles:
                        return Endless("it goes round for ever, and nothing changes")
                    self.on_circles.add(state)
        moves = world.steps(state)
        if not moves:
            return None
        if moves[0].kind is not Kind.STEP:
            return moves[0]
        busy = [move for move in moves if move.process == state.last and state.processes[state.last].message >= 0]
        choice = (busy or self._in_turn(state, moves))[0]
        process = state.processes[choice.process]
        if process.message < 0:
            return self._begins(state, choice)
        receives = isinstance(self.world.tree.nodes[process.node].request, Receive)
        if receives and self._waits():
            return TIME_PASSES
        if len(self.schedule) > MOST_OPERATIONS * (len(self.scenario.messages) + 10):
            return Endless("it makes step after step")
        return Choice(self._what_gets_lost(state, choice.process), choice.process)

    def _in_turn(self, state: State, moves: list[Choice]) -> list[Choice]:
        """A job has its turn after every twenty deliveries, of fewer messages after each had its turn; senders take
        turns, each with one packet."""
        jobs = [m for m in moves if m.kind is Kind.STEP and self.world.roles[m.process] is Role.JOB]
        others = [m for m in moves if m not in jobs]
        others.sort(key=lambda m: self.world.roles[m.process] is Role.SENDER and m.process == state.link.sender)
        due = sum(self.deliveries.values()) // min(20, len(self.scenario.messages)) > state.runs
        return (jobs + others) if due else (others + jobs)

    def _begins(self, state: State, choice: Choice) -> Choice | Endless:
        role = self.world.roles[choice.process]
        if self._waits():
            return TIME_PASSES
        if role is not Role.CONSUMER:
            progress = (state.acknowledged, state.dead, state.link.places)
            self.begun = self.begun + 1 if progress == self.progress and role is not Role.JOB else 0
            self.progress = progress
            if self.begun > 4 * _MOST_DELIVERIES:
                return Endless("one call follows the other, and nothing gets done")
            return choice
        message = state.ready[0] if state.ready else None
        assert message is not None
        count = self.deliveries[message] = self.deliveries.get(message, 0) + 1
        if count > _MOST_DELIVERIES:
            if self.world.time_can_pass(state) and count < 2 * _MOST_DELIVERIES:
                return TIME_IS_LEFT
            return Endless(f"message {self.scenario.messages[message][0]} is delivered again and again")
        return choice

    def _waits(self) -> bool:
        """Whether time has to pass first."""
        self.waited = self.scenario.time_goes_on and self.world.count_clock and not self.waited
        return self.waited

    def _what_gets_lost(self, state: State, index: int) -> Kind:
        """The first acknowledgement of each message, packet, payment."""
        process, role = state.processes[index], self.world.roles[index]
        request = self.world.tree.nodes[process.node].request
        mark: object = None
        kind = Kind.LOST
        if isinstance(request, Returned):
            if role is Role.CONSUMER and not self.world.cast.sure_acks:
                mark = process.message
            elif role is Role.RECEIVER:
                mark = state.link.places[state.link.sender]
        elif isinstance(request, Acknowledge):
            mark = process.held[request.delivery][0]
        elif isinstance(request, SendPayment):
            kind, mark = Kind.ANSWER_LOST, request.order
        elif isinstance(request, CallService):
            kind, mark = Kind.ANSWER_LOST, (request.service, request.content)
        if mark is None or not self.again or mark in self.repeated:
            return Kind.STEP
        self.repeated.add(mark)
        return kind
