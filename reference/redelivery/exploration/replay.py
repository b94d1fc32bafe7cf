"""One schedule, carried out for real and recorded event by event.

Every counterexample goes through here before it is reported: what the search concluded from memory must happen
again with the learner's code running and the statements carried out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ..simulation.choices import Choice, Kind
from ..simulation.guards import Watchdog, guarded
from ..simulation.hosts import PATIENCE, GreenletHost, Stopped
from ..simulation.live import LiveEffects, NeedsAttempts, SchemaChanges
from ..simulation.operations import Hung, Raised, Request, Returned, SqlStatement, Told
from ..simulation.process import Line, Node, Tree
from ..simulation.program import Program
from ..simulation.sqlite_store import NO_LOCK, Contents, Journal, Outcome, SqliteStore
from ..simulation.world import Bounds, Effect, State, World
from .scenario import Scenario
from .schedule import BadSchedule, choice_text, letter, to_text

_TICK = 0.25
_MOST_STEPS = 600
_MOST_PRINTS = 200


@dataclass(slots=True)
class Operation:
    """One thing that a process asked for and what it was told; ``free`` ones took no step of their own."""

    request: Request
    told: Told | None
    line: Line | None
    free: bool = False
    stack: tuple[Line, ...] = ()
    reads: frozenset[str] = frozenset()
    writes: frozenset[str] = frozenset()
    changed: tuple[tuple[str, tuple[tuple[object, ...], ...], tuple[tuple[object, ...], ...]], ...] = ()
    """Tables changed, as the process sees them: (name, rows gone, rows new)."""
    committed: bool = False


@dataclass(slots=True)
class Event:
    """One step of a run, in executed order."""

    number: int
    choice: Choice
    fault: bool
    message: int
    delivery: int
    """Deliveries are numbered in the order in which they were received; -1: none."""
    kind: str
    """``receive``, ``sql``, ``blocked``, ``ack``, ``lost ack``, ``stale ack``, ``give back``, ``dead letter``,
    ``crash``, ``redeliver`` or ``lock timeout``."""
    operations: list[Operation] = field(default_factory=list)
    raised: Raised | None = None
    raised_line: Line | None = None
    contents: Contents = ()
    shown: tuple[str, ...] = ()
    in_transaction: bool = False
    """The step took place inside a transaction, or began one and took its lock."""
    output: str = ""
    redelivered: bool = False
    current: bool = True
    """The queue had not delivered the message again before this step."""
    deviates: bool = False
    state: State | None = None

    @property
    def process(self) -> str:
        """The letter of the process."""
        return letter(self.choice.process)

    @property
    def line(self) -> Line | None:
        """The learner's line that this step comes from."""
        for operation in self.operations:
            if not operation.free and operation.line:
                return operation.line
        return next((operation.line for operation in self.operations if operation.line), None)


@dataclass(slots=True)
class Run:
    """A whole run: its events, and how it ended."""

    scenario: Scenario
    journal: Journal
    schedule: tuple[Choice, ...]
    given: int
    """How many choices the schedule gave; the rest is the fault-free continuation."""
    events: list[Event]
    ended: bool
    """Everything was acknowledged (or dead-lettered) and every handler had returned."""
    wrong: str | None
    """What is wrong at the end; None if nothing is, or if it did not end."""
    dead: tuple[int, ...]
    hung: str | None
    remembers: bool
    """Some process remembered something after a delivery."""
    memory_deliveries: frozenset[int]
    """Deliveries that started with such a memory."""
    final: Contents
    first: Contents
    hung_line: Line | None = None
    remembering: frozenset[str] = frozenset()
    """Names in which a process remembered something."""
    point_of_no_return: int | None = None
    """The number of the first event after which no fault-free continuation ends right."""

    @property
    def text(self) -> str:
        """The schedule's text form."""
        return to_text(self.schedule)


def replay(
    program: Program,
    scenario: Scenario,
    schedule: Sequence[Choice],
    journal: Journal = "wal",
    *,
    bounds: Bounds | None = None,
    finish: bool = True,
    most_steps: int = _MOST_STEPS,
    patience: float = PATIENCE,
) -> Run:
    """Carry out ``schedule``; with ``finish``, go on without faults until everything is done.

    ``patience``: seconds without an operation after which a delivery is taken for endless.

    Raises:
        BadSchedule: a choice can't be made where it stands.
    """
    rest = (bounds, finish, most_steps, patience)
    with guarded():
        attempts = changes = False
        while True:
            try:
                return _replay(program, scenario, schedule, journal, *rest, attempts, changes)
            except NeedsAttempts:
                attempts = True
            except SchemaChanges:  # then its reads are steps, as they were in the search
                changes = True


def _replay(
    program: Program,
    scenario: Scenario,
    schedule: Sequence[Choice],
    journal: Journal,
    bounds: Bounds | None,
    finish: bool,
    most_steps: int,
    patience: float,
    count_attempts: bool,
    schema_changes: bool,
) -> Run:
    host = GreenletHost(program, scenario.entry, scenario.messages)
    host.record_stacks = True
    host.patience = patience
    tree = Tree(host, shared=False)
    output: list[str] = []
    with SqliteStore(scenario.prepare, journal, schema_changes) as store, guarded() as silence:
        effects = _Recording(tree, store, count_attempts)
        world = World(tree, effects, len(scenario.messages), bounds or scenario.bounds, journal, count_attempts)
        recorder = _Recorder(world, effects, scenario, output)
        silence.listener = lambda text: (
            None if host.rebuilding or len(output) > _MOST_PRINTS else output.append(text[:2000])
        )
        try:
            with Watchdog(_TICK, lambda frame: host.tick(frame, _TICK), host.interrupt):
                run = recorder.run(schedule, finish, most_steps)
                run.remembering = frozenset(host.remembering)
                return run
        except Stopped:
            raise KeyboardInterrupt from None
        finally:
            silence.listener = None
            host.close()


class _Recording(LiveEffects):
    """Live effects that keep what each operation did."""

    def __init__(self, tree: Tree, store: SqliteStore, count_attempts: bool) -> None:
        super().__init__(tree, store, count_attempts, track=True)
        self.operations: list[Operation] = []

    def time_out(self, state: State, process: int) -> Effect:
        node = self.tree.nodes[state.processes[process].node]
        outcome = self.store.time_out(process)
        self.operations.append(Operation(node.request, outcome.told, node.line, False, node.stack))
        return self._after(state, process, node, outcome)

    def carry_out(self, process: int, node: Node, free: bool) -> Outcome:
        request = node.request
        assert isinstance(request, SqlStatement)
        store = self.store
        statement = store.statement_for(process, request)
        before = store.seen_by(process) or (store.read() if not free and store.readable() else None)
        outcome = super().carry_out(process, node, free)
        after = store.seen_by(process) or (store.read() if not free and store.readable() else None)
        changed = _difference(before, after) if before and after and statement.writes else ()
        self.operations.append(
            Operation(
                request,
                outcome.told,
                node.line,
                free,
                node.stack,
                statement.reads,
                statement.writes,
                changed,
                outcome.committed,
            )
        )
        return outcome

    def read_attempt(self, node: Node, told: int | bytes) -> None:
        self.operations.append(Operation(node.request, told, node.line, True))


def _difference(
    before: Contents, after: Contents
) -> tuple[tuple[str, tuple[tuple[object, ...], ...], tuple[tuple[object, ...], ...]], ...]:
    """Rows gone and rows new, by table."""
    old = dict(before)
    found = []
    for name, rows in after:
        earlier = old.get(name, ())
        if rows != earlier:
            found.append((name, tuple(r for r in earlier if r not in rows), tuple(r for r in rows if r not in earlier)))
    return tuple(found)


class _Recorder:
    def __init__(self, world: World, effects: _Recording, scenario: Scenario, output: list[str]) -> None:
        self.world = world
        self.effects = effects
        self.scenario = scenario
        self.output = output
        self.events: list[Event] = []
        self.schedule: list[Choice] = []
        self.deliveries: dict[int, int] = {}
        self.count = 0
        self.remembers = False
        self.with_memory: set[int] = set()
        self.seen: set[int] = set()

    def run(self, schedule: Sequence[Choice], finish: bool, most_steps: int) -> Run:
        world, store = self.world, self.effects.store
        state = world.initial(0)
        first = store.read()
        for position, choice in enumerate(schedule):
            why = world.explain_impossible(state, choice, letter(choice.process))
            if why is not None:
                done = to_text(schedule[:position]) or "nothing"
                raise BadSchedule(
                    f"choice {position + 1}, {choice_text(choice)}: {why}. Before it: {done}. Change the schedule there"
                )
            state = self._make(state, choice)
        visited: set[object] = set()
        while finish and len(self.schedule) < most_steps:
            moves = world.steps(state)
            if not moves:
                break
            choice = self._next(state, moves, visited)
            state = self._make(state, choice)
        ended = not world.steps(state) and not any(p.message >= 0 for p in state.processes)
        hung, hung_line = None, None
        for process in state.processes:
            if process.message >= 0:
                request = world.tree.nodes[process.node].request
                if isinstance(request, Hung):
                    hung, hung_line = request.why, world.tree.nodes[process.node].line
        contents = store.read() if store.readable() else first
        dead = tuple(m for m in range(world.messages) if state.dead >> m & 1)
        return Run(
            self.scenario,
            world.journal,
            tuple(self.schedule),
            len(schedule),
            self.events,
            ended,
            self.scenario.judge(contents) if ended and not dead else None,
            dead,
            hung,
            self.remembers,
            frozenset(self.with_memory),
            contents,
            first,
            hung_line,
        )

    def _next(self, state: State, moves: list[Choice], visited: set[object]) -> Choice:
        """Whoever made the last step goes on, unless that leads in a circle: then another."""
        order = sorted(moves, key=lambda c: c.process != state.last)
        for choice in order:
            mark = (state._replace(last=-1), choice)
            if mark not in visited:
                visited.add(mark)
                return choice
        return order[len(self.schedule) % len(order)]

    def _make(self, state: State, choice: Choice) -> State:
        world, effects = self.world, self.effects
        kind, index = choice
        process = state.processes[index]
        request = world.tree.nodes[process.node].request if process.message >= 0 else None
        fault = world.is_fault(state, choice)
        effects.operations = []
        self.output.clear()
        after = world.apply(state, choice)
        now = after.processes[index]
        if process.message < 0:
            self.deliveries[index] = self.count
            self.count += 1
            if process.memory:
                self.with_memory.add(self.deliveries[index])
        if process.message >= 0 and now.message < 0 and now.memory:
            self.remembers = True
        message = now.message if process.message < 0 else process.message
        event = Event(
            number=len(self.events) + 1,
            choice=choice,
            fault=fault,
            message=message,
            delivery=self.deliveries.get(index, -1),
            kind=self._kind(kind, process.message, request, now.waiting, process.current, after, message, state),
            operations=effects.operations,
            raised=request if isinstance(request, Raised) and kind is Kind.STEP else None,
            raised_line=world.tree.nodes[process.node].line if isinstance(request, Raised) else None,
            in_transaction=(process.transaction.open or (now.transaction.open and now.transaction.lock > NO_LOCK)),
            current=process.current,
            output="".join(self.output),
            state=after,
        )
        event.redelivered = event.kind == "receive" and message in self.seen
        if event.kind == "receive":
            self.seen.add(message)
        store = effects.store
        event.contents = store.read() if store.readable() else (self.events[-1].contents if self.events else ())
        event.shown = tuple(show(event.contents) for _, show in self.scenario.watched)
        self.events.append(event)
        self.schedule.append(choice)
        return after

    @staticmethod
    def _kind(
        kind: Kind,
        held: int,
        request: Request | None,
        waiting: bool,
        current: bool,
        after: State,
        message: int,
        before: State,
    ) -> str:
        if kind is Kind.CRASH:
            return "crash"
        if kind is Kind.REDELIVER:
            return "redeliver"
        if kind is Kind.LOCK_TIMEOUT:
            return "lock timeout"
        if held < 0:
            return "receive"
        if isinstance(request, Returned):
            if kind is Kind.LOST:
                return "lost ack"
            return "ack" if current else "stale ack"
        if isinstance(request, Raised):
            return "dead letter" if after.dead != before.dead else "give back"
        return "blocked" if waiting else "sql"


def operations_of(events: Iterable[Event], delivery: int) -> list[tuple[Event, Operation]]:
    """All operations of one delivery, in order."""
    return [(e, o) for e in events if e.delivery == delivery for o in e.operations]
