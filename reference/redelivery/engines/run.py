"""One run over a real store: it carries out choices, and tells what it saw."""

from __future__ import annotations

import random
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from greenlet import getcurrent

from ..simulation import guards
from ..simulation.chance import Identity, bits_counted, drawn
from ..simulation.memory import Opaque, fingerprint
from ..simulation.message import Message, Retry
from .failure import EngineFailure
from .port import Answer, Client, Contents, Line, Statement, Store, Waits, overdue
from .state import (
    CRASH,
    LAND,
    LOST,
    REDELIVER,
    SENT,
    STEP,
    Choice,
    Ghost,
    Queue,
    Seen,
    Standing,
    State,
    acknowledge,
    crash,
    first_queue,
    give_back,
    receive,
    redeliver,
)

#: Statements of one delivery after which it is taken to go on for ever.
MOST_STATEMENTS = 200


_DIES = frozenset({"crash", "crash, sent", "crash, waits"})


@dataclass(frozen=True, slots=True)
class Ended:
    """How a delivery ended: it returned, or raised. ``kind``: ``returned``, ``error``, ``retry`` or ``contention``."""

    kind: str
    name: str = ""
    text: str = field(default="", compare=False)
    line: tuple[str, int] | None = field(default=None, compare=False)


class Indefinite(Exception):
    """Two runs of one schedule differ, so nothing can be said; ``line`` is where."""

    def __init__(self, why: str, line: tuple[str, int] | None = None) -> None:
        super().__init__(why)
        self.line = line


class LookedTooEarly(Exception):
    """The chosen victim looked for a deadlock before there was one: it needs more time."""


class InNoRing(Exception):
    """Whoever was chosen for the victim of a deadlock is in none."""


@dataclass(slots=True)
class Event:
    """One thing that happened, for a timeline. ``choice`` is None where it followed from the step before."""

    choice: Choice | None
    process: int
    kind: str
    message: int = -1
    statement: Statement | None = None
    answer: Answer | None = None
    ended: Ended | None = None
    contents: int = 0
    in_transaction: bool = False
    redelivered: bool = False
    queue: Queue | None = None


class Numbers:
    """Numbers for values, so that states are small."""

    def __init__(self) -> None:
        self._numbers: dict[Any, int] = {None: 0}
        self._values: list[Any] = [None]

    def of(self, value: Any) -> int:
        """The number of a value."""
        number = self._numbers.get(value)
        if number is None:
            number = self._numbers[value] = len(self._values)
            self._values.append(value)
        return number

    def value(self, number: int) -> Any:
        """The value of a number."""
        return self._values[number]


class Table:
    """What all runs of a search share: numbers, and what each process asked next where it was told the same."""

    def __init__(self) -> None:
        self.nodes, self.opens, self.contents = Numbers(), Numbers(), Numbers()
        self.statements, self.memories, self.pasts = Numbers(), Numbers(), Numbers()
        self.asks: dict[int, Any] = {}
        self.reads_attempt = False
        """Some handler looks at how often its message was delivered."""
        self.reads_number = False
        """Some handler looks at which process it is."""
        self.restart = False
        """That was seen just now: what is known so far is of states that do not tell."""
        self.fresh: dict[tuple[int, int, bool], int] = {}


class Process:
    """A consumer: its memory, its line to the store, and the delivery that it is at."""

    def __init__(self, number: int, functions: Mapping[str, Any]) -> None:
        self.number = number
        self.life = 0
        self.functions = functions
        self.line: Line | None = None
        self.client: Client | None = None
        self.node = -1
        self.open = 0
        self.waits = 0
        self.memory = 0
        self.asked = 0
        self.message = -1
        self.attempt = 0
        self.draws = 0
        self.bits = 0
        self.pending: Statement | None = None


@dataclass(eq=False, slots=True)
class Spirit:
    """What a dead process has left: its line, and what is under way on it."""

    owner: int
    line: Line
    client: Client | None
    open: int
    statement: Statement
    waits: int


class _Source:
    """What a handler's clock and dice are: the same in two runs of one schedule."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def _process(self) -> Process | None:
        line = getattr(getcurrent(), "line", None)
        return self._run.by_line.get(id(line)) if line is not None else None

    def in_learner_code(self) -> bool:
        return getattr(getcurrent(), "line", None) is not None

    def draw_bytes(self, count: int, bits: int | None = None) -> bytes:
        process = self._process()
        if process is None:
            return bytes(count)
        process.draws += 1
        self._run.note(process, "draws", process.attempt)
        before, process.bits = process.bits, process.bits + bits_counted(8 * count if bits is None else bits)
        return drawn(Identity(process.message, process.attempt), count, process.draws, before)

    def seeded(self) -> random.Random | None:
        return None

    def seed(self, *arguments: Any, **named: Any) -> None:
        """The world's numbers are as good as any."""

    def process_number(self) -> int:
        process = self._process()
        number = 100 if process is None else 101 + process.number + 10 * process.life
        if process is not None:
            self._run.note(process, "number", number)
        return number

    def read_clock(self, steady: bool) -> int:
        return 0

    def is_learners(self, file: str) -> bool:
        return file in self._run.files

    def sleep(self) -> None:
        """Takes no time: others may come in before any statement as it is."""

    def unwinds(self) -> bool:
        line = getattr(getcurrent(), "line", None)
        return line is not None and bool(line.dead)

    def hang(self, why: str) -> Any:
        raise RuntimeError(why)

    def event_loop_policy(self) -> Any:
        return None

    def open_database(self, options: dict[str, Any]) -> Any:
        raise guards.NotAllowedHere("a database beside the one that is searched")

    def note_unsupported(self, what: str) -> None:
        self._run.unsupported = what


class Run:
    """The live run: processes, queue, store."""

    def __init__(
        self,
        store: Store,
        fresh: Callable[[int], Mapping[str, Any]],
        messages: Sequence[tuple[str, dict[str, Any]]],
        bounds: Any,
        table: Table,
        files: frozenset[str],
        both_hold: bool = False,
    ) -> None:
        self.store, self._fresh, self._messages, self._bounds = store, fresh, messages, bounds
        self.table, self.files, self._both_hold = table, files, both_hold
        self.events: list[Event] = []
        self.source = _Source(self)
        self.by_line: dict[int, Process] = {}
        self.unsupported: str | None = None
        self.statements = self.resets = 0
        self.processes: list[Process] = []
        self.spirits: list[Spirit] = []
        self.offers: list[tuple[str, int]] = []

    # -- from the start --------------------------------------------------------------------------------

    def start(self, schedule: Sequence[Choice] = ()) -> None:
        """From the beginning; ``schedule`` is what will be carried out, so that victims can be prepared."""
        self.abandon()
        self.store.reset()
        victim = next((c.favoured for c in schedule if c.how == "%"), None)
        self.store.victim = victim
        self.resets += 1
        self.processes = [self._new(n, 0) for n in range(self._bounds.consumers)]
        self.spirits = []
        self.queue = first_queue(len(self._messages), self._bounds, self._both_hold)
        self.contents = self.table.contents.of(self.store.contents())
        self.past = 0
        self.events = []
        self._order = 0
        if self._both_hold:
            for process in self.processes:
                self._deliver(process, 0)

    def _new(self, number: int, life: int) -> Process:
        process = Process(number, self._fresh(number + 10 * life))
        process.life = life
        key = (number, life, self.table.reads_number)
        if key not in self.table.fresh:
            self.table.fresh[key] = self._memory(process, None)
        process.memory = self.table.fresh[key]
        return process

    def abandon(self) -> None:
        """Stop all that is under way."""
        for one in self._all:
            client = one.client
            if client is not None and not client.ended:
                client.kill()
        self.by_line.clear()
        self.processes, self.spirits = [], []

    @property
    def _all(self) -> list[Process | Spirit]:
        return [*self.processes, *self.spirits]

    @property
    def state(self) -> State:
        """Where the run is."""
        standing = tuple(
            Standing(p.node, p.open, self._place(p.waits), p.memory if p.node < 0 else 0) for p in self.processes
        )
        ghosts = tuple(
            Ghost(s.owner, s.open, self.table.statements.of(s.statement.text), self._place(s.waits))
            for s in self.spirits
        )
        return State(Seen(self.contents, standing, ghosts, self.past), self.queue)

    def _place(self, order: int) -> int:
        """A place among those that wait now, from 1."""
        if not order:
            return 0
        orders = sorted(one.waits for one in self._all if one.waits)
        return orders.index(order) + 1

    # -- one choice ------------------------------------------------------------------------------------

    def do(self, choice: Choice) -> None:
        """Carry out one choice."""
        self.offers = []
        process = self.processes[choice.process]
        event = Event(choice, choice.process, "", process.message, in_transaction=bool(process.open))
        if choice.kind == REDELIVER:
            self.queue = redeliver(self.queue, choice.process)
            event.kind = "redeliver"
            self._record(event, process)
            return
        stopped = self._favour(choice)
        try:
            if choice.kind == STEP and process.node < 0:
                if not self.queue.waiting:
                    raise Indefinite("a delivery ended where it did not before")
                event.message = message = self.queue.waiting[0]
                event.kind, event.redelivered = "receive", self.queue.attempts[message] > 0
                self.queue = receive(self.queue, choice.process)
                self._deliver(process, message)
            elif choice.kind in (STEP, LOST):
                self._go_on(process, choice, event)
            elif choice.kind in (CRASH, SENT):
                self._kill(process, choice, event)
            elif choice.kind == LAND:
                self._land(choice.process, event)
            if choice.how == "%":
                self._wait_for_victim(choice)
            self._record(event, process)
            self._settle([c for c in self._waiting() if c not in stopped])
        finally:
            self.store.let_go(stopped)
        if stopped:
            self._settle(self._waiting())
        self._look_at_past()

    def _record(self, event: Event, process: Process | None) -> None:
        event.contents, event.queue = self.contents, self.queue
        event.in_transaction = event.in_transaction or bool(process is not None and process.open)
        self.events.append(event)
        touches = (
            event.in_transaction or event.answer is not None or event.kind in ("waits", "crash, waits", "lands, waits")
        )
        if not self.store.merges and touches and event.kind != "redeliver":
            what = event.statement.text if event.statement is not None else "ends"
            self.past = self.table.pasts.of((self.past, event.process, event.kind in _DIES, what, event.answer))

    def _waiting(self) -> list[Client]:
        ones = sorted((o for o in self._all if o.waits), key=lambda o: o.waits)
        return [one.client for one in ones if one.client is not None]

    def _favour(self, choice: Choice) -> list[Client]:
        """Where several wait, one of them goes on first: the one that was chosen, or that has waited longest."""
        waiting = self._waiting()
        if len(waiting) < 2 or not self.store.can_choose or choice.how == "%":
            return []
        self.store.before_stopping(waiting)
        first = waiting[0]
        if choice.how == ">":
            first = self._actor(choice.favoured) or first
        self.offers = [(">", self._name(client)) for client in waiting if client is not first]
        return self.store.stop_all_but(first, waiting)

    def _actor(self, name: int) -> Client | None:
        if name >= 100:
            return next((s.client for s in self.spirits if s.owner == name - 100 and s.waits), None)
        return self.processes[name].client

    def _name(self, client: Client) -> int:
        """How a choice calls whoever waits: a process's number, or 100 and its dead predecessor's."""
        for process in self.processes:
            if process.client is client:
                return process.number
        return next(100 + s.owner for s in self.spirits if s.client is client)

    def _wait_for_victim(self, choice: Choice) -> None:
        """Until the victim has looked for a deadlock, and found itself in one.

        Raises:
            LookedTooEarly: the ring was closed only then.
            InNoRing: it waits for somebody, and nobody waits for it.
        """
        client = self._actor(choice.favoured)
        if client is None or not client.waits:
            raise InNoRing
        began = monotonic()
        while client.look():
            if client.line.looked:
                raise LookedTooEarly if self.store.in_ring(client.line) else InNoRing
            if overdue(began):
                raise EngineFailure(f"{self.store.title} has not ended a deadlock; nothing was judged")

    # -- parts of it -----------------------------------------------------------------------------------

    def note(self, process: Process, what: str, value: Any) -> None:
        """Something that a process was told by no statement."""
        if what in ("draws", "attempt") and not self.table.reads_attempt:
            self.table.reads_attempt = self.table.restart = True
        if what == "number" and not self.table.reads_number:
            self.table.reads_number = self.table.restart = True
        process.node = self.table.nodes.of((process.node, what, value))

    def _memory(self, process: Process, line: Line | None) -> int:
        """What a process remembers between two deliveries."""
        entry = process.functions["handle"]
        try:
            told: Any = fingerprint({str(n): part for n, part in enumerate(entry.parts())})
        except Opaque:
            told = ("opaque", process.node)
        kept: Any = self.store.memory_of(line) if line is not None else ()
        if line is not None and line.sticky:
            kept = (kept, process.open)
        if line is not None and kept == self._kept_at_first and not line.sticky:
            kept = ()
        number = (process.number, process.life) if self.table.reads_number else ()
        return self.table.memories.of((told, kept, number))

    _kept_at_first: Any = ()

    def _deliver(self, process: Process, message: int) -> None:
        if process.line is None:
            process.line = self.store.open(process.number)
            self._kept_at_first = self.store.memory_of(process.line)
        self.by_line[id(process.line)] = process
        identity, body = self._messages[message]
        attempt = self.queue.attempts[message]
        process.message, process.attempt, process.asked, process.draws, process.bits = message, attempt, 0, 0, 0
        told = attempt if self.table.reads_attempt else 0
        process.node = self.table.nodes.of(("start", message, process.memory, told))

        def ask_attempt() -> int:
            self.note(process, "attempt", attempt)
            return attempt

        handle = process.functions["handle"]
        given = Message(identity, body, ask_attempt)
        database = types.SimpleNamespace(conn=process.line.connection)
        process.client = Client(lambda: handle(given, database), process.line, self._ended)
        self._check(process)

    def _ended(self, error: BaseException | None, value: Any) -> Ended:
        if error is None:
            return Ended("returned")
        line = None
        trace = error.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code.co_filename in self.files:
                line = (trace.tb_frame.f_code.co_filename, trace.tb_lineno)
            trace = trace.tb_next
        if isinstance(error, guards.NotAllowedHere) and self.unsupported is None:
            self.unsupported = str(error)
        kind = "error"
        if isinstance(error, Retry):
            kind = "retry"
        elif self._code_of(error) in self.store.contention:
            kind = "contention"
        return Ended(kind, type(error).__name__, " ".join(str(error).split())[:200], line)

    @staticmethod
    def _code_of(error: BaseException) -> str:
        found: Any = getattr(error, "orig", None) or error
        code = getattr(found, "sqlstate", None)
        if code is None and getattr(found, "args", None) and isinstance(found.args[0], int):
            code = found.args[0]
        return str(code)

    def _check(self, process: Process) -> None:
        """Whether a process that was told the same asks the same."""
        client = process.client
        assert client is not None
        before = self.table.asks.setdefault(process.node, client.asks)
        if before != client.asks:
            line = client.asks.line if client.asks is not None else None
            raise Indefinite(
                "the handler is not deterministic: told the same, it asked "
                f"{_words(before)} in one run and {_words(client.asks)} in another",
                line,
            )

    def _go_on(self, process: Process, choice: Choice, event: Event) -> None:
        client = process.client
        assert client is not None and process.line is not None
        asks = client.asks
        if isinstance(asks, Ended):
            event.ended = asks
            event.kind = "ack" if asks.kind == "returned" else "give back"
            if choice.kind == LOST:
                event.kind = "lost ack"
            current = self.queue.held[process.number][1]
            if not current:
                event.kind = "stale ack" if asks.kind == "returned" else "stale give back"
            before = self.queue.dead
            if asks.kind == "returned":
                self.queue = acknowledge(self.queue, process.number, choice.kind == LOST)
            else:
                self.queue = give_back(self.queue, process.number, asks.kind == "error")
            if self.queue.dead != before:
                event.kind = "dead letter"
            self._rest(process)
            return
        event.statement = asks
        self.statements += 1
        process.asked += 1
        process.pending = asks
        if process.asked > MOST_STATEMENTS:
            raise Indefinite(f"one delivery asked more than {MOST_STATEMENTS} statements", asks.line)
        told = self.store.ask(client, [c for c in self._waiting() if c is not client])
        if isinstance(told, Waits):
            event.kind = "waits"
            self._order += 1
            process.waits = self._order
            process.open = self.table.opens.of((process.open, "waits", asks.text, self.contents))
            return
        event.kind, event.answer = "sql", told
        if told.error == "40P01":
            self.offers += [("%", self._name(c)) for c in self._waiting() if self.store.can_choose]
        self._hear(process, asks, told)

    def _rest(self, process: Process) -> None:
        """After a delivery: an open transaction is rolled back, and the process keeps its connection."""
        line = process.line
        assert line is not None
        if self.store.in_transaction(line):
            self.store.roll_back(line)
        if not line.sticky:
            process.open = 0
        process.memory = self._memory(process, line)
        process.client, process.node, process.waits, process.message = None, -1, 0, -1

    def _hear(self, process: Process, statement: Statement, answer: Answer) -> None:
        """What a process was told, and what it asks next."""
        process.waits = 0
        assert process.line is not None
        process.node = self.table.nodes.of((process.node, statement.text, answer))
        process.open = self._opened(process, statement, answer, process.line)
        self._commit_seen(process, statement)
        self._check(process)

    def _opened(self, process: Process, statement: Statement, answer: Answer, line: Line) -> int:
        if not self.store.in_transaction(line) and not line.sticky:
            return 0
        if statement.kind == "read" and not self.store.keeps_snapshot:
            return process.open or self.table.opens.of("open")
        return self.table.opens.of((process.open, statement.text, answer, self.contents))

    def _commit_seen(self, process: Process | None, statement: Statement) -> None:
        """After a statement that may have made something durable."""
        if statement.kind == "read" and not self.store.counts_outside:
            return
        inside = process is not None and process.line is not None and self.store.in_transaction(process.line)
        if (inside or statement.kind == "rollback") and not self.store.counts_outside:
            return
        contents = self.table.contents.of(self.store.contents())
        changed, self.contents = contents != self.contents, contents
        if (changed or statement.kind == "commit" or statement.lands) and self.store.keeps_snapshot:
            for other in self._all:
                if other is not process and other.open:
                    other.open = self.table.opens.of((other.open, "others committed", contents))

    def _kill(self, process: Process, choice: Choice, event: Event) -> None:
        client, line = process.client, process.line
        assert client is not None and line is not None
        event.kind = "crash" if choice.kind == CRASH else "crash, sent"
        event.statement = client.asks if isinstance(client.asks, Statement) else None
        self.queue = crash(self.queue, process.number, choice.kind)
        if client.waits:
            event.kind = "crash, waits"
            client.abandon()
            self.spirits.append(Spirit(process.number, line, client, process.open, client.asks, process.waits))
        elif choice.kind == SENT:
            statement, about = client.asks, line.about
            client.kill()
            line.about = about
            self.spirits.append(Spirit(process.number, line, None, process.open, statement, 0))
        else:
            client.kill()
            self.store.give_back(line)
        self.by_line.pop(id(line), None)
        self.processes[process.number] = self._new(process.number, process.life + 1)

    def _land(self, owner: int, event: Event) -> None:
        spirit = next(s for s in self.spirits if s.owner == owner and s.client is None)
        event.kind, event.statement = "lands", spirit.statement
        spirit.client = self.store.send_late(spirit.line)
        told = self.store.ask(spirit.client, self._waiting())
        if isinstance(told, Waits):
            event.kind = "lands, waits"
            self._order += 1
            spirit.waits = self._order
            spirit.open = self.table.opens.of((spirit.open, "waits", spirit.statement.text, self.contents))
            return
        event.answer = told
        self._gone(spirit)

    def _gone(self, spirit: Spirit) -> None:
        """The server has come to the end of what a dead process had sent, and finds that nobody is there."""
        self.spirits.remove(spirit)
        if spirit.client is not None and not spirit.client.ended:
            spirit.client.kill()
        self.store.give_back(spirit.line)
        self._commit_seen(None, spirit.statement)

    def _settle(self, waiting: Sequence[Client]) -> None:
        """All that can go on after a step go on, up to what they ask next."""
        again = True
        while again:
            again = False
            for client in self.store.settle([c for c in waiting if c.waits]):
                again = True
                self._woken(client)
            for client in waiting:
                if not client.waits and self._still_waits(client):
                    again = True
                    self._woken(client)

    def _still_waits(self, client: Client) -> bool:
        return any(one.client is client and one.waits for one in self._all)

    def _woken(self, client: Client) -> None:
        spirit = next((s for s in self.spirits if s.client is client), None)
        if spirit is not None:
            event = Event(None, spirit.owner, "lands", statement=spirit.statement, answer=client.line.told)
            self._gone(spirit)
            self._record(event, None)
            return
        process = next(p for p in self.processes if p.client is client)
        statement = process.pending
        assert statement is not None
        answer = client.line.told or Answer()
        self._hear(process, statement, answer)
        self._record(Event(None, process.number, "goes on", process.message, statement, answer), process)

    def _look_at_past(self) -> None:
        """Nothing open anywhere: nothing of what was done before matters any more, but for what it left. A step of one
        who has no transaction, and opens none, is no part of a past either."""
        if not any(p.open or p.waits for p in self.processes) and not self.spirits:
            self.past = 0

    def contents_now(self) -> Contents:
        """What is committed."""
        found: Contents = self.table.contents.value(self.contents)
        return found


def _words(asks: Any) -> str:
    if isinstance(asks, Statement):
        return asks.text
    if isinstance(asks, Ended):
        return "nothing more" if asks.kind == "returned" else f"nothing more ({asks.name})"
    return "nothing"
