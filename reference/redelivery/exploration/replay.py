"""One schedule, carried out for real and recorded event by event.

Every counterexample goes through here before it is reported: what the search concluded from memory must happen
again with the learner's code running and the statements carried out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from ..simulation.calls import Role
from ..simulation.choices import TIME_IS_LEFT, Choice, Kind
from ..simulation.guards import guarded
from ..simulation.hosts import Stopped
from ..simulation.live import LiveEffects
from ..simulation.operations import (
    Acknowledge,
    CallService,
    Hung,
    Perform,
    Raised,
    Receive,
    RedisCommand,
    RedisTransaction,
    RedisWatch,
    Request,
    Returned,
    SendPayment,
    Sleep,
    SqlStatement,
    Told,
)
from ..simulation.process import Line, Node, Tree
from ..simulation.program import Program
from ..simulation.redis_keys import keys_of
from ..simulation.redis_keys import writes as writes_something
from ..simulation.sqlite_store import NO_LOCK, Contents, Journal, Outcome, rows_of
from ..simulation.watchdog import Watchdog
from ..simulation.world import SUPERSEDED, Bounds, Effect, Process, State, World
from .scenario import Scenario
from .schedule import BadSchedule, choice_text, to_text
from .stage import (
    SERVICES,
    TICK,
    Forbidden,
    Needs,
    close,
    closers,
    everything,
    host_of,
    judged,
    redis_tables,
    stores,
    with_needs,
    world_of,
)

if TYPE_CHECKING:
    from ..simulation.redis_store import RedisOutcome


_MOST_STEPS = 600
"""Steps of a run of a few messages."""
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
    count_read: bool = False
    """The code looked at the statement's rowcount, whatever it made of it."""
    touched: frozenset[str] = frozenset()
    """Tables with a Redis key that was written, even where it holds the same as before."""


class Standing(NamedTuple):
    """What a process asks for next, and from which line; nothing while it waits to be called."""

    request: Request | None = None
    line: Line | None = None


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
    """Of any process: ``sql``, ``blocked``, ``lock timeout``, ``redis``, ``watch``, ``sleep``, ``send``, ``send lost``,
    ``send unanswered``, ``crash``. Of consumers and loops: ``receive``, ``nothing``, ``ack``, ``lost ack``,
    ``unanswered ack``, ``stale ack``, ``give back``, ``dead letter``, ``redeliver``, ``perform``, ``fail``. Of loops
    and jobs, and of another writer: ``start``, ``end``, ``dies``. Of sender and receiver: ``transmit``,
    ``lost packet``, ``packet``, ``answer``, ``lost answer``, ``dies``. Of nobody: ``time``."""
    process: str = ""
    """The letter of the process."""
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
    call: str = ""
    """What a loop or a job is called for, or who another writer is."""
    packet: int = -1
    """Which of the scenario's packets a step of sender or receiver is about."""
    answer: Returned | None = None
    """What a receiver answers."""
    answers: tuple[object, ...] | None = None
    """What the closing calls would answer if they were made after this step; see `Run.answering`."""
    standing: tuple[Standing, ...] = ()
    """Where each process stands after this step."""

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
    letters: tuple[str, ...]
    hung_line: Line | None = None
    remembering: frozenset[str] = frozenset()
    """Names in which a process remembered something."""
    point_of_no_return: int | None = None
    """The number of the first event after which no fault-free continuation ends right."""
    looks_at_clock: bool = False
    """Somebody asked what time it is."""
    closing: list[Operation] = field(default_factory=list)
    """What the closing calls did, after the last event."""
    closed_again: bool = False
    """They were made by a process that had run the job before, and remembered something."""
    possible: tuple[Choice, ...] = ()
    """The choices that could be made next: steps first, then faults within the bounds."""
    answering: tuple[Operation, ...] = ()
    """What closing calls did that were made after each event, on what was durable then. Recorded only where nothing
    else says which tables hold the effect (`Scenario.effects`)."""

    @property
    def text(self) -> str:
        """The schedule's text form."""
        return to_text(self.schedule, self.letters)


def replay(
    program: Program,
    scenario: Scenario,
    schedule: Sequence[Choice],
    journal: Journal = "wal",
    *,
    bounds: Bounds | None = None,
    finish: bool = True,
    most_steps: int | None = None,
    patience: float = 1.0,
) -> Run:
    """Carry out ``schedule``; with ``finish``, go on without faults until everything is done.

    ``patience``: the part of the usual patience with a delivery that asks for nothing.

    Raises:
        BadSchedule: a choice can't be made where it stands.
    """
    if most_steps is None:
        most_steps = _MOST_STEPS * (1 + len(scenario.messages) // 10)
    rest = (bounds, finish, most_steps, patience)
    with guarded():
        try:
            return with_needs(lambda needs: _replay(program, scenario, schedule, journal, *rest, needs))
        except BadSchedule:
            if all(choice.kind is not Kind.TIME for choice in schedule):
                raise
            # Time may pass before anybody has looked at a clock, if somebody does so afterwards.
            timed = with_needs(
                lambda needs: _replay(program, scenario, schedule, journal, *rest, needs._replace(clock=True))
            )
            if not timed.looks_at_clock:
                raise
            return timed


def _replay(
    program: Program,
    scenario: Scenario,
    schedule: Sequence[Choice],
    journal: Journal,
    bounds: Bounds | None,
    finish: bool,
    most_steps: int,
    patience: float,
    needs: Needs,
) -> Run:
    host = host_of(program, scenario)
    host.record_stacks = True
    host.tell_all_apart = True  # in one run there are no more memories than calls
    host.patience = patience
    tree = Tree(host, shared=False, scripts=scenario.scripts)
    output: list[str] = []
    with stores(scenario, journal, needs) as both, guarded() as silence:
        effects = _Recording(tree, both.sqlite, needs.attempts, True, both.redis, needs.clock, needs.past)
        effects.scenario = scenario
        world = world_of(tree, effects, scenario, bounds or scenario.bounds, journal, needs)
        recorder = _Recorder(world, effects, scenario, output)
        silence.listener = lambda text: (
            None if host.rebuilding or len(output) > _MOST_PRINTS else output.append(text[:2000])
        )
        try:
            with Watchdog(TICK, lambda frame: host.tick(frame, TICK), host.interrupt):
                run = recorder.run(schedule, finish, most_steps)
                run.remembering = frozenset(host.remembering)
                run.looks_at_clock = effects.looks_at_clock
                counted = {id(told) for told in host.counts_read}
                for operations in (*(event.operations for event in run.events), run.closing):
                    for operation in operations:
                        operation.count_read = id(operation.told) in counted
                return run
        except Stopped:
            raise KeyboardInterrupt from None
        finally:
            silence.listener = None
            host.close()


class _Recording(LiveEffects):
    """Live effects that keep what each operation did."""

    scenario: Scenario

    def __init__(self, *rest: Any) -> None:
        super().__init__(*rest)
        self.operations: list[Operation] = []

    def time_out(self, state: State, process: int) -> Effect:
        node = self.tree.nodes[state.processes[process].node]
        outcome = self.refused(state, process, node)
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

    def carry_out_on_redis(self, now: int, node: Node) -> RedisOutcome:
        redis, table = self.redis, self.scenario.redis_table
        assert redis is not None
        before = tuple(redis_tables(self.scenario, redis, redis.number_contents()))
        outcome = super().carry_out_on_redis(now, node)
        after = tuple(redis_tables(self.scenario, redis, redis.number_contents()))
        request = node.request
        commands = [request.arguments] if isinstance(request, RedisCommand) else getattr(request, "commands", [])
        reads: set[str] = set()
        touched = frozenset(table(key.decode(errors="replace")) for key in outcome.touched)
        writes = set(touched)
        for command in commands:
            for key in keys_of(command):
                found = writes if writes_something(command) else reads
                found.add(table(key.decode(errors="replace")))
        self.operations.append(
            Operation(
                request,
                outcome.reply,
                node.line,
                False,
                node.stack,
                frozenset(reads),
                frozenset(writes),
                _difference(before, after),
                True,
                touched=touched,
            )
        )
        return outcome

    def told_for_free(self, node: Node, told: Told) -> None:
        self.operations.append(Operation(node.request, told, node.line, True, node.stack))

    def told_elsewhere(self, node: Node, told: Told) -> None:
        self.operations.append(Operation(node.request, told, node.line, False, node.stack))


def _difference(
    before: Contents, after: Contents
) -> tuple[tuple[str, tuple[tuple[object, ...], ...], tuple[tuple[object, ...], ...]], ...]:
    """Rows gone and rows new, by table."""
    old, new = dict(before), dict(after)
    found = []
    for name in dict.fromkeys([*old, *new]):
        earlier, rows = old.get(name, ()), new.get(name, ())
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
        self.forbidden = Forbidden(scenario, effects.store, effects.redis)
        self.letters = scenario.letters(world.bounds)
        self.deliveries: dict[int, int] = {}
        self.places: dict[tuple[int, int], int] = {}
        self.count = 0
        self.remembers = False
        self.with_memory: set[int] = set()
        self.seen: set[int] = set()

    def run(self, schedule: Sequence[Choice], finish: bool, most_steps: int) -> Run:
        world, store, scenario = self.world, self.effects.store, self.scenario
        state = world.initial(0)
        first = everything(scenario, state, store.read(), self.effects.redis)
        for position, choice in enumerate(schedule):
            why = world.explain_impossible(state, choice, self.letters)
            if why is not None:
                done = to_text(schedule[:position], self.letters) or "nothing"
                raise BadSchedule(
                    f"choice {position + 1}, {choice_text(choice, self.letters)}: {why}. Before it: {done}. "
                    "Change the schedule there"
                )
            state = self._make(state, choice)
        forbidden = self.forbidden(state)
        visited: set[object] = set()
        # What was wrong in between is told with all that came of it; what a loop did is not looked at any further.
        goes_on = scenario.never is not None
        while finish and len(self.schedule) < most_steps and (forbidden is None or goes_on):
            moves = world.steps(state)
            if not moves:
                break
            choice = self._next(state, moves, visited)
            state = self._make(state, choice)
            forbidden = forbidden or self.forbidden(state)
        possible = () if forbidden is not None and not goes_on else (*world.steps(state), *world.faults(state))
        ended = not world.steps(state) and world.has_ended(state)
        hung, hung_line = None, None
        for process in state.processes:
            if process.message >= 0:
                request = world.tree.nodes[process.node].request
                if isinstance(request, Hung):
                    hung, hung_line = request.why, world.tree.nodes[process.node].line
        contents = everything(scenario, state, store.read() if store.readable() else (), self.effects.redis)
        dead = tuple(m for m in range(world.messages) if (state.dead & ~scenario.expected_dead) >> m & 1)
        wrong = forbidden
        closing: list[Operation] = []
        self.effects.operations = closing
        memory = 0
        if wrong is None and ended and not dead:
            for memory in closers(scenario, world, state):
                self.effects.operations = closing = []
                contents = close(scenario, state, self.effects, memory)
                wrong = judged(scenario, contents, memory)
                if wrong is not None:
                    break
        return Run(
            scenario,
            world.journal,
            tuple(self.schedule),
            len(schedule),
            self.events,
            ended,
            wrong,
            dead,
            hung,
            self.remembers,
            frozenset(self.with_memory),
            contents,
            first,
            self.letters,
            hung_line,
            closing=closing,
            closed_again=wrong is not None and memory > 0,
            possible=possible,
            answering=self._answer_along() if scenario.closing and not scenario.effects and hung is None else (),
        )

    def _answer_along(self) -> tuple[Operation, ...]:
        """Make the closing calls after each event, on what was durable then; what they did. Ends what still goes on."""
        effects = self.effects
        effects.store.number_contents()
        known: dict[tuple[int, int, int], tuple[object, ...]] = {}
        did: list[Operation] = []
        for event in self.events:
            state = event.state
            assert state is not None
            key = (state.contents, state.redis, state.now)
            if key not in known:
                effects.operations = []
                contents = close(self.scenario, state, effects)
                known[key] = tuple(row[1] if row[2] is None else row[2] for row in rows_of(contents, "answers"))
                did += effects.operations
            event.answers = known[key]
        return tuple(did)

    def _next(self, state: State, moves: list[Choice], visited: set[object]) -> Choice:
        """Whoever made the last step goes on, unless that leads in a circle: then another, or time passes."""
        order = sorted(moves, key=lambda c: c.process != state.last)
        if self.world.time_matters and self.world.time_can_pass(state):
            order.append(TIME_IS_LEFT)
        for choice in order:
            mark = (state._replace(last=-1), choice)
            if mark not in visited:
                visited.add(mark)
                return choice
        return order[len(self.schedule) % len(order)]

    def _make(self, state: State, choice: Choice) -> State:
        world, effects = self.world, self.effects
        kind, index = choice
        fault = world.is_fault(state, choice)
        effects.operations = []
        self.output.clear()
        if kind is Kind.TIME:
            after = world.apply(state, choice)
            self._note(Event(len(self.events) + 1, Choice(kind, max(state.last, 0)), fault, -1, -1, "time"), after)
            self.events[-1].process = "@"
            self.schedule.append(choice)
            return after
        process = state.processes[index]
        role = world.roles[index]
        request = world.tree.nodes[process.node].request if process.message >= 0 else None
        after = world.apply(state, choice)
        now = after.processes[index]
        if process.message < 0 and role in (Role.CONSUMER, Role.JOB, Role.RECEIVER):
            self._deliver(index, bool(process.memory))
        if process.message >= 0 and now.message < 0 and now.memory:
            self.remembers = True
        message, delivery, place = -1, self.deliveries.get(index, -1), -1
        if role is Role.CONSUMER:
            message = now.message if process.message < 0 else process.message
        elif role is Role.LOOP:
            message, delivery = self._loop_message(index, kind, request, process, now)
        elif role in (Role.SENDER, Role.RECEIVER):
            place = state.link.places[index if role is Role.SENDER else state.link.sender]
            message = place // 2
        raised = request if isinstance(request, Raised) and kind is Kind.STEP else None
        event = Event(
            number=len(self.events) + 1,
            choice=choice,
            fault=fault,
            message=message,
            delivery=delivery,
            kind=self._kind(kind, role, process, request, now, after, state),
            process=self.letters[index],
            operations=effects.operations,
            raised=raised,
            raised_line=world.tree.nodes[process.node].line if raised else None,
            in_transaction=(process.transaction.open or (now.transaction.open and now.transaction.lock > NO_LOCK)),
            current=process.current if role is not Role.LOOP else True,
            output="".join(self.output),
        )
        if role in (Role.LOOP, Role.JOB):
            number = now.message if now.message >= 0 else process.message
            event.call = self.scenario.calls[number].function
        elif role is Role.WRITER:
            event.call = self.scenario.writer
        elif role is Role.RECEIVER and isinstance(request, Returned):
            event.answer = request
        event.packet = place
        event.redelivered = event.kind == "receive" and message in self.seen
        if event.kind == "receive":
            self.seen.add(message)
        if isinstance(request, Perform | SendPayment | CallService) and kind is not Kind.FAIL:
            self._note_effect(event, request, state, after)
        self._note(event, after)
        self.schedule.append(choice)
        return after

    def _deliver(self, index: int, remembers: bool) -> int:
        self.deliveries[index] = self.count
        if remembers:
            self.with_memory.add(self.count)
        self.count += 1
        return self.deliveries[index]

    def _loop_message(
        self, index: int, kind: Kind, request: Request | None, process: Process, now: Process
    ) -> tuple[int, int]:
        """The message and the delivery that a step of a loop is about."""
        if isinstance(request, Receive) and kind is Kind.STEP and len(now.held) > len(process.held):
            self.places[index, len(process.held)] = self._deliver(index, bool(process.memory))
            return now.held[-1][0], self.deliveries[index]
        place = None
        if isinstance(request, Acknowledge | Perform) and kind not in (Kind.CRASH, Kind.REDELIVER):
            place = request.delivery
        elif kind is Kind.REDELIVER:
            place = next(
                i for i, (before, after) in enumerate(zip(process.held, now.held, strict=True)) if before != after
            )
        if place is None:
            return -1, -1
        return process.held[place][0], self.places.get((index, place), -1)

    def _note_effect(
        self, event: Event, request: Perform | SendPayment | CallService, state: State, after: State
    ) -> None:
        """An effect outside the stores, as a change of a table."""
        if not event.operations:
            return
        operation = event.operations[0]
        new: tuple[object, ...]
        if isinstance(request, Perform):
            name, new = "performed", (self.scenario.messages[event.message][0],)
        elif isinstance(request, CallService):
            name, new = SERVICES, (request.key or "", request.service, request.content)
        else:
            name, new = "payments", tuple(request)
        operation.writes = frozenset({name})
        if state.performed != after.performed or state.payments != after.payments or isinstance(request, Perform):
            operation.changed = ((name, (), (new,)),)
            operation.committed = True

    def _note(self, event: Event, after: State) -> None:
        store = self.effects.store
        event.state = after
        nodes = self.world.tree.nodes
        event.standing = tuple(
            Standing(nodes[p.node].request, nodes[p.node].line) if p.message >= 0 and p.node >= 0 else Standing()
            for p in after.processes
        )
        if store.readable():
            event.contents = everything(self.scenario, after, store.read(), self.effects.redis)
        else:
            event.contents = self.events[-1].contents if self.events else ()
        event.shown = tuple(show(event.contents) for _, show in self.scenario.watched)
        self.events.append(event)

    @staticmethod
    def _kind(
        kind: Kind,
        role: Role,
        process: Process,
        request: Request | None,
        now: Process,
        after: State,
        before: State,
    ) -> str:
        if kind is Kind.CRASH:
            return "crash"
        if kind is Kind.REDELIVER:
            return "redeliver"
        if kind is Kind.LOCK_TIMEOUT:
            return "lock timeout"
        lost = kind is Kind.LOST
        if process.message < 0:
            if role is Role.SENDER:
                return "lost packet" if lost else "transmit"
            return {Role.CONSUMER: "receive", Role.RECEIVER: "packet"}.get(role, "start")
        if isinstance(request, Returned):
            if role is Role.CONSUMER:
                return "lost ack" if lost else "ack" if process.current else "stale ack"
            if role is Role.RECEIVER:
                return "lost answer" if lost else "answer"
            return "end"
        if isinstance(request, Raised):
            if role is not Role.CONSUMER:
                return "dies"
            return "dead letter" if after.dead != before.dead else "give back"
        if isinstance(request, Acknowledge):
            if process.held[request.delivery][1] == SUPERSEDED:
                return "stale ack"
            return "lost ack" if lost else "unanswered ack" if kind is Kind.ANSWER_LOST else "ack"
        if isinstance(request, SendPayment | CallService):
            return "send lost" if lost else "send unanswered" if kind is Kind.ANSWER_LOST else "send"
        if isinstance(request, Receive):
            return "receive" if len(now.held) > len(process.held) else "nothing"
        if isinstance(request, Perform):
            return "fail" if kind is Kind.FAIL else "perform"
        if isinstance(request, RedisCommand | RedisTransaction):
            return "redis"
        if isinstance(request, RedisWatch | Sleep):
            return "watch" if isinstance(request, RedisWatch) else "sleep"
        return "blocked" if now.waiting else "sql"


def operations_of(events: Iterable[Event], delivery: int) -> list[tuple[Event, Operation]]:
    """All operations of one delivery, in order."""
    return [(e, o) for e in events if e.delivery == delivery for o in e.operations]
