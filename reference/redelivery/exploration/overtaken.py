"""One run in which everybody else is faster: between any two steps of one delivery another message is handled whole.

A search of two messages can take a delivery by surprise once or twice. A loop that compares and sets, and gives up
after the fourth time that somebody else was faster, has to lose as many races as it tries: that takes as many other
messages, and no search affords them. One run does, since it doesn't branch: whatever the delivery has looked at has
changed by its next step.
"""

from __future__ import annotations

from collections.abc import Callable

from ..simulation.choices import Choice, Kind
from ..simulation.guards import guarded
from ..simulation.hosts import Stopped
from ..simulation.live import LiveEffects
from ..simulation.process import MOST_OPERATIONS, Tree
from ..simulation.program import Program
from ..simulation.sqlite_store import Journal
from ..simulation.watchdog import Watchdog
from ..simulation.world import State, World
from .replay import replay
from .scenario import Scenario
from .schedule import BadSchedule
from .stage import TICK, Needs, close_here, host_of, opened, stores, with_needs, world_of
from .straight import Endless, Outcome, Right, Unsupported, Wrong
from .verdict import Refuted

#: The one that is overtaken is the first of the scenario's messages, and in the hands of the first process.
_MESSAGE, _SLOW, _FAST = 0, 0, 1

#: Before each of so many steps the slow one is left alone in turn, to see whether it takes all others.
_MOST_LEFT_OUT = 120
#: So many other messages there are; more where a delivery was not done by then: it loses a race in every round.
OTHERS = (8, 40, 500)


def lost_race(
    program: Program, make: Callable[[int], Scenario], journal: Journal, most: int = OTHERS[-1]
) -> tuple[int, Refuted] | None:
    """How a delivery that is overtaken again and again goes wrong, with as few others as can be found; None where it
    doesn't. ``make``: number of others → scenario; ``most``: so many there may be."""

    def run(count: int, calm: frozenset[int] = frozenset()) -> tuple[Overtaken, Outcome]:
        overtaken = Overtaken(program, opened(program, make(count)), journal, calm)
        return overtaken, overtaken.run()

    for count in (count for count in OTHERS if count <= most):
        overtaken, outcome = run(count)
        if isinstance(outcome, Wrong):
            break
        if not overtaken.ran_out:
            return None
    else:
        return None
    found, calm = outcome, frozenset[int]()
    for _ in range(2):  # without those who came after it was done; without those who changed nothing; and once more
        others, outcome = run(overtaken.overtook, calm)
        if isinstance(outcome, Wrong):
            found, count, overtaken = outcome, others.others, others
        for gap in range(overtaken.gaps if overtaken.gaps <= _MOST_LEFT_OUT else 0):
            others, outcome = run(count, calm | {gap})
            if isinstance(outcome, Wrong):
                found, calm, overtaken = outcome, calm | {gap}, others
    try:
        seen = replay(program, opened(program, make(count)), found.schedule, journal)
    except BadSchedule:
        return None  # a process that remembers what it did before does otherwise
    if seen.wrong is None:
        return None
    return count, Refuted(found.schedule, journal, 0, 0, seen.wrong)


class Overtaken:
    """A run of ``scenario``, which has two consumers. Processes are taken for fresh after each delivery, so what is
    found has to be replayed before it is believed.

    ``calm``: before so many of its steps, counted from 0, the slow one is not overtaken.
    """

    def __init__(self, program: Program, scenario: Scenario, journal: Journal, calm: frozenset[int]) -> None:
        self._program, self._scenario, self._journal, self._calm = program, scenario, journal, calm
        self.others = len(scenario.messages) - 1
        self.ran_out = False
        """There were fewer other messages than the delivery had steps."""
        self._schedule: list[Choice] = []
        self._others_turn = False
        self._came_back = False
        self.gaps = 0
        """So many steps the slow one made."""
        self.overtook = 0
        """So many others were handled while the slow one was at work."""

    def run(self) -> Outcome:
        """How it ends. A message that is put aside is no fault here: `Endless` says why it came to no end."""
        with guarded():
            return with_needs(self._run)

    def _run(self, needs: Needs) -> Outcome:
        scenario = self._scenario
        self.ran_out, self._schedule, self._others_turn, self._came_back = False, [], False, False
        self.gaps = self.overtook = 0
        host = host_of(self._program, scenario)
        host.ignore_memory = True
        tree = Tree(host, shared=False)
        tree.most_operations = MOST_OPERATIONS + 50 * len(scenario.messages)
        with stores(scenario, self._journal, needs) as both:
            effects = LiveEffects(tree, both.sqlite, needs.attempts, False, both.redis, needs.clock, needs.past)
            world = world_of(tree, effects, scenario, scenario.bounds, self._journal, needs)
            try:
                with Watchdog(TICK, lambda frame: host.tick(frame, TICK), host.interrupt):
                    state = world.initial(0)
                    most = MOST_OPERATIONS * (len(scenario.messages) + 10)
                    while len(self._schedule) < most:
                        if host.unsupported is not None:
                            return Unsupported(*host.unsupported)
                        choice = self._next(world, state)
                        if choice is None:
                            break
                        state = world.apply(state, choice)
                        self._schedule.append(choice)
                    if state.dead or not world.has_ended(state):
                        return Endless("not every message was acknowledged")
                    wrong = scenario.judge(close_here(scenario, state, effects)[0])
                    return Right() if wrong is None else Wrong(wrong, tuple(self._schedule))
            except Stopped:
                raise KeyboardInterrupt from None
            finally:
                host.close()

    def _next(self, world: World, state: State) -> Choice | None:
        moves = world.steps(state)
        steps = {move.process: move for move in moves if move.kind is Kind.STEP}
        slow, fast = state.processes[_SLOW], state.processes[_FAST]
        if slow.message != _MESSAGE:
            self._others_turn = False
            if not self._schedule:
                return steps.get(_SLOW)
            self._came_back = True
            busy = [steps[p] for p in (_FAST, _SLOW) if p in steps and state.processes[p].message >= 0]
            return next(iter(busy or steps.values() or moves), None)
        if _FAST in steps and (fast.message >= 0 or self._others_turn):
            self.overtook += self._others_turn
            self._others_turn = False
            return steps[_FAST]
        if _SLOW in steps:
            self.ran_out = self.ran_out or (self._others_turn and not state.ready and not self._came_back)
            self._others_turn = self.gaps not in self._calm
            self.gaps += 1
            return steps[_SLOW]
        return next(iter(steps.values() or moves), None)
