"""The rules of the world: queue, processes, locks, time and faults, as one pure function from state to state.

`World.apply` knows nothing of learner code and touches no store; what an operation does to a store is asked of
`Effects`. A live run carries operations out; a search mostly remembers what they did. Both follow the same rules,
because the rules stand only here.

Every process is called, asks for one operation after the other, and comes to the end of the call; only when it may
be called and what its end means depends on its role (`calls.Role`).

A message's way through the queue::

    ready ──receive──▶ held by A ──ack──▶ acknowledged
      ▲                 │ │ └─────────────(third exception)──▶ dead letter
      │                 │ └──+A: delivered again, in front; A's own delivery is superseded
      └──raise, crash,──┘
         lost ack: at the end

A packet's way over the link, which loses but neither reorders nor delays::

    S sends ──▶ R picks it up ──▶ R answers ──▶ S goes on to the next packet
       │~ lost     │! crash          │~ lost
       └───────────┴─────────────────┴──▶ S sends it again

Two messages in flight are two senders, each with packets of its own; their packets take turns on the link.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from operator import attrgetter
from typing import Any, NamedTuple, Protocol, TypeVar

from .calls import Role
from .choices import FAULT_INDEX, FAULTS, TIME_IS_LEFT, TIME_PASSES, Choice, Kind
from .operations import (
    Acknowledge,
    CallService,
    Done,
    Hung,
    Perform,
    Raised,
    ReadClock,
    Receive,
    Received,
    RedisReply,
    RedisTransaction,
    RedisWatch,
    Refused,
    Returned,
    SendPayment,
    Sleep,
    SqlResult,
    SqlStatement,
    Told,
    Unrepeatable,
)
from .process import Node, Tree
from .sqlite_store import CLOSED, NO_LOCK, NO_PAST, PENDING_LOCK, READ_LOCK, WRITE_LOCK, Journal, Past, Transaction
from .start import SUCCESSORS

#: A message whose handler raised this often goes to the dead-letter queue.
MOST_EXCEPTIONS = 3
#: Attempts are counted up to here, so that a retrying consumer has finitely many states.
MOST_ATTEMPTS = 6
#: How often a process has to come round without anybody else changing anything until it is known to wait in vain: it
#: comes to the seam of its circle once, and may have noticed a change on the way; once more, and it has seen all.
IN_VAIN = 2
#: Milliseconds that pass with ``@`` where nothing is known to expire: longer than any lease, and no whole
#: number of anything, so that the hour, the day and the year are others.
LONG = ((3700 * 24 + 18) * 3600 + 37 * 60 + 23) * 1000 + 456
#: Milliseconds between two deliveries where time goes on. In a few hundred of them every hour of a day has been, every
#: minute of an hour and every second of a minute.
A_WHILE = (61 * 60 + 7) * 1000 + 3
#: So many milliseconds more after every third: in some hundred deliveries each day of a week has been, and of a month.
_DAYS = 73 * 3600 * 1000
#: By so many milliseconds a clock is set back: an hour, a minute and a second.
HOUR = (3600 + 60 + 1) * 1000
#: So often may time pass from one acknowledgement to the next, where the clock is looked at; and so often where
#: somebody seems to wait for ever, to be sure that it does.
MOST_TIMES, PATIENT = 3, 16
#: The calendar has an end: after so many milliseconds time passes more slowly.
_LONG_ENOUGH = 200 * LONG
#: So many changes of earlier deliveries are counted; a consumer that writes and tries again for ever has more.
MOST_CHANGES = 16
#: Equal requests to another service are counted up to so many for each message, and a few more.
MOST_REQUESTS = 4
#: From so many times a run on, nobody replaces what another process is about to look up.
MOST_MISSED = 2
#: Of one delivery in a loop's hands: the queue has delivered it again, it is the loop's, it is acknowledged.
SUPERSEDED, HELD, ACKNOWLEDGED = 0, 1, 2


class Process(NamedTuple):
    """What matters of one process between two steps.

    ``message`` is the number of the call that it is in (of a consumer: of its message), -1 while it waits for one.
    ``current``: the queue has not delivered the message again meanwhile.
    ``attempt`` is how often the message had been delivered when this process received it (0: nobody asks).
    ``waiting``: for a lock. ``stalled``: such a wait has timed out, and nobody has released a lock since: the stall of
    the holder that outlasted one wait may outlast others.

    Of a loop, ``held`` is what it received in this call: (message, status); ``dry``: it was last told that there is
    none; ``seen_none``: it was told so at some time in this call; ``stopped``: it returned without, for good.
    ``watched`` are the Redis keys that it watches; ``dirty``: one of them was touched since. ``vain``: how often it
    has come round a circle since something changed (see `Tree`); counted only where time may pass. ``past`` is what its
    connection knows of earlier deliveries, where anybody asks.
    ``since``: of a reader, what was acknowledged when it was asked.
    """

    memory: int = 0
    message: int = -1
    current: bool = False
    node: int = -1
    transaction: Transaction = CLOSED
    waiting: bool = False
    attempt: int = 0
    stalled: bool = False
    watched: tuple[bytes, ...] = ()
    dirty: bool = False
    held: tuple[tuple[int, int], ...] = ()
    dry: bool = False
    seen_none: bool = False
    stopped: bool = False
    vain: int = 0
    past: Past = NO_PAST
    since: int = 0


class Link(NamedTuple):
    """``places``: of each sender the packet whose turn it is. ``sender``: whose packet was sent last. ``where`` it is:
    0 nowhere (it was answered or lost), 1 on its way, 2 with the receiver."""

    places: tuple[int, ...] = ()
    sender: int = 0
    where: int = 0


class Answer(NamedTuple):
    """What a reader returned, the messages (as bits) that were acknowledged when it was asked, and those that had been
    delivered when it answered. ``raised``: it returned nothing, and this exception left it."""

    value: int | str | None
    acknowledged: int
    delivered: int
    raised: str = ""


class State(NamedTuple):
    """Everything that matters between two steps. Messages are named by position; sets of them are bits."""

    processes: tuple[Process, ...]
    ready: tuple[int, ...]
    exceptions: tuple[int, ...]
    attempts: tuple[int, ...]
    acknowledged: int
    dead: int
    contents: int
    faults: tuple[int, ...]
    last: int
    """The process that made the last step; -1 before the first."""
    redis: int = 0
    """The number of the contents of Redis."""
    performed: tuple[int, ...] = ()
    """How often loops carried out the effect of each message (2: twice or more)."""
    payments: tuple[tuple[str, str, int], ...] = ()
    """What the payment service applied: (key, order, amount)."""
    runs: int = 0
    """How often a job was started."""
    link: Link = Link()
    now: int = 0
    """Milliseconds since the beginning, where anybody looks at the clock."""
    times: int = 0
    """How often time has passed since the last acknowledgement, where anybody looks at the clock."""
    heard: tuple[Answer, ...] = ()
    """What a reader has answered with the step that led here."""
    missed: int = 0
    """How often a row was gone when its own process looked it up by its rowid, up to `MOST_MISSED`."""


class Effect(NamedTuple):
    """What an operation, and the free operations that follow it, did."""

    node: int
    transaction: Transaction
    contents: int
    changed: bool = False
    """The database file was changed, which makes older snapshots stale."""
    waiting: bool = False
    redis: int = -1
    """The number of the contents of Redis afterwards; -1: as before."""
    touched: frozenset[bytes] = frozenset()
    """The Redis keys that were touched, for those who watch them."""
    unwatched: bool = False
    """The process gave up watching."""
    round: bool = False
    """The process came round a circle."""


class Hinting(Protocol):
    """What the queue says of how often it has delivered a message; see `live.Hints`."""

    def of(self, attempt: int) -> int:
        """What is said of the ``attempt``-th delivery; 0 where nobody asks."""


class Effects(Protocol):
    """Who knows what operations do to stores, and what processes ask next."""

    @property
    def hints(self) -> Hinting:
        """What the queue says of how often it has delivered a message."""

    def begin(self, state: State, process: int, root: Node, attempt: int) -> Effect:
        """A call starts at ``root``; for a message, its ``attempt``-th."""

    def step(self, state: State, process: int) -> Effect:
        """The process's next operation on a store is carried out."""

    def tell(self, state: State, process: int, told: Told) -> Effect:
        """The process's next operation was the queue's or another service's, which answered ``told``."""

    def time_out(self, state: State, process: int) -> Effect:
        """The process's wait for a lock ends in "database is locked"; if it doesn't wait for another process, it has
        waited for somebody else."""

    def lock_wanted(self, state: State, process: int) -> int:
        """The lock that the process's next operation takes besides those that it holds."""

    def end(self, state: State, process: int) -> None:
        """A call is over, by return, exception or crash: what is open is rolled back."""

    def next_expiry(self, state: State) -> int | None:
        """Milliseconds until a Redis key expires; None where none will."""

    def later(self, state: State, milliseconds: int) -> tuple[int, frozenset[bytes]]:
        """Time passes: the number of Redis's contents afterwards, and the keys that expired."""


class Bounds(NamedTuple):
    """How far a search goes; part of every verdict."""

    consumers: int = 2
    faults: int = 2
    crashes: int = 1
    lost_acks: int = 1
    redeliveries: int = 1
    lock_timeouts: int = 1
    lost_answers: int = 1
    failures: int = 1
    expiries: int = 1

    @property
    def by_kind(self) -> tuple[int, ...]:
        """The bounds in the order of `FAULTS`."""
        return _by_kind(self)


_by_kind = attrgetter(*(fault.bound for fault in FAULTS))


class Cast(NamedTuple):
    """Who takes part, and in what.

    ``job``, ``loop`` and ``writer`` are numbers of calls; ``packets`` are (number of the call, answer that the sender
    waits for), one sender's after the other's, ``lanes`` of them each.
    ``reads``: the job is a reader, whose answers are judged, also when everything is done.
    ``runs``: so often a job, or a writer, may be started while not everything is done. ``dead_letters``: a message
    whose handler raises again and again is put aside. ``sure_acks``: the return of a call can't get lost.
    ``outsider``: somebody who is no process here may hold a lock on the database for longer than a statement waits.
    ``set_back``: where time passes by a fault, the clock is set back. ``passes``: the milliseconds that pass at a time,
    and it may do so any number of times; 0: as many as it takes for something to expire.
    """

    roles: tuple[Role, ...]
    messages: int
    job: int = -1
    runs: int = 0
    loop: int = -1
    packets: tuple[tuple[int, str], ...] = ()
    dead_letters: bool = True
    uses_redis: bool = False
    sure_acks: bool = False
    lanes: tuple[int, ...] = ()
    writer: int = -1
    reads: bool = False
    outsider: bool = False
    set_back: bool = False
    passes: int = 0


class ImpossibleChoice(ValueError):
    """A schedule asks for something that can't happen in this state."""


T = TypeVar("T")
_CRASH, _LOST, _REDELIVER = FAULT_INDEX[Kind.CRASH], FAULT_INDEX[Kind.LOST], FAULT_INDEX[Kind.REDELIVER]
_ANSWER_LOST, _FAIL = FAULT_INDEX[Kind.ANSWER_LOST], FAULT_INDEX[Kind.FAIL]
_STEPS = tuple(Choice(Kind.STEP, i) for i in range(26))
_CRASHES = tuple(Choice(Kind.CRASH, i) for i in range(26))
_LOSSES = tuple(Choice(Kind.LOST, i) for i in range(26))
_ANSWERS_LOST = tuple(Choice(Kind.ANSWER_LOST, i) for i in range(26))
_FAILURES = tuple(Choice(Kind.FAIL, i) for i in range(26))
_REDELIVERIES = tuple(Choice(Kind.REDELIVER, i) for i in range(26))
_TIMEOUTS = tuple(Choice(Kind.LOCK_TIMEOUT, i) for i in range(26))
_NO_ANSWER = Refused("ConnectionError", "the connection was lost before the answer came: it may or may not be done")
_FAILED = Refused("RuntimeError", "the effect could not be carried out; nothing was done")
_STALE = Refused("StaleDelivery", "the queue has delivered this message again meanwhile")


class World:
    """The rules for a `Cast`, with a tree that says what processes ask.

    ``count_attempts``, ``count_clock``, ``count_past``: somebody looks at them, so they are kept in the state.
    """

    def __init__(
        self,
        tree: Tree,
        effects: Effects,
        cast: Cast,
        bounds: Bounds,
        journal: Journal,
        count_attempts: bool = False,
        count_clock: bool = False,
        count_past: bool = False,
    ) -> None:
        self.tree = tree
        self.effects = effects
        self.cast = cast
        self.roles = cast.roles
        self.messages = cast.messages
        self.bounds = bounds
        self.journal: Journal = journal
        self.count_attempts = count_attempts
        self.count_clock = count_clock
        self.count_past = count_past
        self.time_matters = cast.uses_redis or count_clock
        self.most_times = PATIENT * max(1, cast.messages)
        self.held_back = False
        """Somebody had to wait until another process had looked up what it had inserted: see `_looks_up`."""
        """So often may time pass from one acknowledgement to the next. A search sets fewer."""
        self._ends = tuple(accumulate(cast.lanes))
        """Of each sender, the place after its last packet."""

    def initial(self, contents: int) -> State:
        """All messages ready, all processes idle."""
        nothing = (0,) * self.messages
        return State(
            tuple(Process(self._memory_of(identity)) for identity in range(len(self.roles))),
            tuple(range(self.messages)),
            nothing,
            nothing,
            0,
            0,
            contents,
            (0,) * len(FAULT_INDEX),
            -1,
            performed=nothing if self.cast.loop >= 0 else (),
            link=Link((0, *self._ends[:-1])),
        )

    def _memory_of(self, identity: int) -> int:
        """What a process remembers that has just started: nothing, or what it drew then. Its numbers are below 0."""
        return -identity if self.tree.starts_apart else 0

    def _new_memory(self, state: State) -> int:
        """That of the successor of a process that is killed now. It depends on nothing but how many were killed before,
        so that exchanging consumers changes nothing."""
        return self._memory_of(SUCCESSORS + state.faults[FAULT_INDEX[Kind.CRASH]])

    # -- what may happen -------------------------------------------------------------------------------

    def _enabled(self, state: State) -> list[int]:
        """The processes that can make a step now."""
        enabled: list[int] = []
        nodes = self.tree.nodes
        ready = state.ready
        for index, process in enumerate(state.processes):
            if process.message >= 0:
                if process.waiting:
                    continue
                kind = type(nodes[process.node].request)
                if kind is Hung or kind is Unrepeatable:
                    continue
                if kind is Receive and not ready and process.dry and self.tree.polls_for_ever(nodes[process.node]):
                    continue
                enabled.append(index)
            elif self.roles[index] is Role.CONSUMER:
                if ready:
                    enabled.append(index)
            elif self._may_be_called(state, index):
                enabled.append(index)
        return enabled

    def may_begin(self, state: State, index: int) -> bool:
        """Whether a process that is in no call may be called. It depends on nothing but this process and the queue."""
        if self.roles[index] is Role.CONSUMER:
            return bool(state.ready)
        return self._may_be_called(state, index)

    def _may_be_called(self, state: State, index: int) -> bool:
        role = self.roles[index]
        if role is Role.LOOP:
            return bool(state.ready) and not state.processes[index].stopped
        if role is Role.JOB:
            everything = (1 << self.messages) - 1
            done = state.acknowledged | state.dead == everything
            return state.runs < self.cast.runs and (self.cast.reads or not done)
        link = state.link
        if role is Role.SENDER:  # senders come first, so that one's index is its place among them
            return link.where == 0 and link.places[index] < self._ends[index]
        if role is Role.WRITER:  # its start does nothing yet, so it may as well wait until there is somebody to disturb
            return link.where == 1 and state.runs < self.cast.runs
        return link.where == 1  # a receiver

    def steps(self, state: State) -> list[Choice]:
        """What may happen without a fault; empty at the end of a run and in a dead end."""
        enabled = self._enabled(state)
        if not enabled:
            return [_TIMEOUTS[i] for i, process in enumerate(state.processes) if process.waiting]
        if self.time_matters and self._wait_in_vain(state, enabled) and self.time_can_pass(state):
            return [TIME_IS_LEFT]
        if state.missed >= MOST_MISSED and (looks := self._looks_up(state, enabled)) is not None:
            return [_STEPS[looks]]
        moves = [_STEPS[i] for i in enabled]
        for index, process in enumerate(state.processes):
            if process.stalled and (process.waiting or self._somebody_may_hold(state, index)):
                moves.append(_TIMEOUTS[index])
        return moves

    def _looks_up(self, state: State, enabled: Sequence[int]) -> int | None:
        """A process that looks up by its rowid what it has just inserted. From the third time on that this can fail, it
        does so before anybody else goes on: two that replace each other's row would otherwise never end, with
        another rowid in each round."""
        for index in enabled:
            process = state.processes[index]
            if process.message >= 0 and self.tree.looks_up_its_row(self.tree.nodes[process.node]):
                self.held_back = True
                return index
        return None

    def _somebody_may_hold(self, state: State, index: int) -> bool:
        """Whether the process's next statement wants a lock that somebody may hold who is no process here."""
        if not self.cast.outsider or state.processes[index].message < 0:
            return False
        wanted = self.effects.lock_wanted(state, index)
        if wanted == PENDING_LOCK:  # somebody else reads
            return True
        others = (p.transaction.lock for i, p in enumerate(state.processes) if i != index)
        return wanted != NO_LOCK and all(lock < WRITE_LOCK for lock in others)

    @staticmethod
    def _wait_in_vain(state: State, enabled: Sequence[int]) -> bool:
        """Whether all who could go on only go round in circles that nobody but time can end."""
        return all(state.processes[index].vain >= IN_VAIN for index in enabled)

    def has_ended(self, state: State) -> bool:
        """Of a state in which nothing may happen without a fault: whether everybody is done, and nobody hangs."""
        nodes = self.tree.nodes
        for process in state.processes:
            if process.message >= 0:
                waits = process.dry and type(nodes[process.node].request) is Receive
                if not waits or any(status == HELD for _, status in process.held):
                    return False
        return True

    def time_can_pass(self, state: State) -> bool:
        """Whether something can expire."""
        if not self.time_matters:
            return False
        if self.count_clock and state.times >= self.most_times:
            return False
        return self.count_clock or self.effects.next_expiry(state) is not None

    def faults(self, state: State) -> list[Choice]:
        """What may go wrong next, within the bounds."""
        used = state.faults
        if sum(used) >= self.bounds.faults:
            return []
        timeouts = self.bounds.lock_timeouts > used[FAULT_INDEX[Kind.LOCK_TIMEOUT]]
        found = []
        someone_can = bool(self._enabled(state)) if timeouts else False
        for index, process in enumerate(state.processes):
            found += self.faults_of(state, index)
            if process.message < 0 or self.roles[index] is Role.WRITER:
                continue
            waits = process.waiting or (timeouts and self._somebody_may_hold(state, index))
            if waits and timeouts and someone_can and not process.stalled:
                found.append(_TIMEOUTS[index])
        if self.time_may_pass(state) and self._enabled(state):
            found.append(TIME_PASSES)
        return found

    def faults_of(self, state: State, index: int) -> list[Choice]:
        """Of these, those that befall one process and what it sends or holds, without its waits for locks. They depend
        on nothing but this process and the queue."""
        used = state.faults
        if sum(used) >= self.bounds.faults:
            return []
        left = [*map(int.__gt__, self.bounds.by_kind, used)]
        crashes, losses, redeliveries = left[_CRASH], left[_LOST], left[_REDELIVER]
        answers, failures = left[_ANSWER_LOST], left[_FAIL]
        process, role = state.processes[index], self.roles[index]
        if process.message < 0:
            sends = role is Role.SENDER and losses and self._may_be_called(state, index)
            return [_LOSSES[index]] if sends else []
        found: list[Choice] = []
        if role is Role.WRITER:
            return found
        if crashes:
            found.append(_CRASHES[index])
        request = self.tree.nodes[process.node].request
        kind = type(request)
        if role is Role.CONSUMER:
            if redeliveries and process.current:
                found.append(_REDELIVERIES[index])
            if losses and process.current and kind is Returned and not self.cast.sure_acks:
                found.append(_LOSSES[index])
        elif role is Role.LOOP:
            if redeliveries and any(status == HELD for _, status in process.held):
                found.append(_REDELIVERIES[index])
            if kind is Acknowledge and process.held[request.delivery][1] == HELD:  # type: ignore[union-attr]
                if losses:
                    found.append(_LOSSES[index])
                if answers:
                    found.append(_ANSWERS_LOST[index])
            elif kind is Perform and failures:
                found.append(_FAILURES[index])
        elif role is Role.RECEIVER and losses and kind is Returned:
            found.append(_LOSSES[index])
        if kind is SendPayment or kind is CallService:
            if losses:
                found.append(_LOSSES[index])
            if answers:
                found.append(_ANSWERS_LOST[index])
        return found

    def time_may_pass(self, state: State) -> bool:
        """Whether time may pass by a fault within the bounds, if anybody can go on."""
        used = state.faults
        if not self.time_matters or sum(used) >= self.bounds.faults:
            return False
        return self.bounds.expiries > used[FAULT_INDEX[Kind.TIME]] and self.time_can_pass(state)

    def is_fault(self, state: State, choice: Choice) -> bool:
        """Whether ``choice`` uses up the budget. A lock time-out is free when nothing else can go on, and when the
        same stall has outlasted a wait before; so is the passing of time, when nothing else can go on."""
        kind = choice.kind
        if kind is Kind.STEP or choice == TIME_IS_LEFT:
            return False
        if kind is Kind.TIME:
            return bool(self._enabled(state))
        return not (kind is Kind.LOCK_TIMEOUT and (state.processes[choice.process].stalled or not self._enabled(state)))

    # -- what happens ----------------------------------------------------------------------------------

    def apply(self, state: State, choice: Choice) -> State:
        """The state after ``choice``, which must be possible (see `explain_impossible`)."""
        after = self._apply(state, choice)
        return self._noticed(state, after, choice.process) if self.time_matters else after

    @staticmethod
    def _noticed(before: State, after: State, acted: int) -> State:
        """Something has changed: whoever went round in vain may see another thing next time."""
        if not any(p.vain for p in after.processes):
            return after
        elsewhere = before._replace(processes=(), last=-1) != after._replace(processes=(), last=-1)
        if not elsewhere and before.processes[acted].transaction == after.processes[acted].transaction:
            return after
        return after._replace(processes=tuple(p._replace(vain=0) if p.vain else p for p in after.processes))

    def _apply(self, state: State, choice: Choice) -> State:
        kind, index = choice
        if kind is Kind.TIME:
            if not self.is_fault(state, choice):
                return self._pass_time(state)
            return self._count(self._set_back(state) if self.cast.set_back else self._pass_time(state), kind)
        process = state.processes[index]
        if kind is Kind.STEP:
            return self._step(state, index, process, kind)
        if kind is Kind.LOCK_TIMEOUT:
            fault = self.is_fault(state, choice)
            after = self._affected(state, index, self.effects.time_out(state, index), stalled=True)
            return self._count(after, kind) if fault else after
        if kind is Kind.LOST or kind is Kind.ANSWER_LOST or kind is Kind.FAIL:
            return self._count(self._step(state, index, process, kind), kind)
        if kind is Kind.REDELIVER:
            return self._count(self._redeliver(state, index, process), kind)
        if kind is Kind.CRASH:
            return self._count(self._crash(state, index, process), kind)
        raise ImpossibleChoice(f"{kind.name.lower()} is not possible here")

    def _step(self, state: State, index: int, process: Process, kind: Kind) -> State:
        """The process's next step; ``kind`` says what of it goes wrong."""
        role = self.roles[index]
        if process.message < 0:
            if role is Role.CONSUMER:
                return self._receive(state, index, process)
            return self._begin(state, index, process, role, kind)
        request = self.tree.nodes[process.node].request
        asked = type(request)
        if asked is SqlStatement:
            if self.cast.outsider and process.stalled:  # whoever kept it waiting does so no longer
                process = process._replace(stalled=False)
                state = state._replace(processes=_with(state.processes, index, process))
            after = self._affected(state, index, self.effects.step(state, index))
            if state.missed < MOST_MISSED and self.tree.missed_its_row(process.node, after.processes[index].node):
                after = after._replace(missed=state.missed + 1)
            return after
        if asked is Returned or asked is Raised:
            if role is not Role.CONSUMER:
                return self._end_call(state, index, process, role, request, kind)  # type: ignore[arg-type]
            if asked is Returned:
                return self._acknowledge(state, index, process, lost=kind is Kind.LOST)
            return self._give_back(state, index, process, request)  # type: ignore[arg-type]
        return self._ask_elsewhere(state, index, process, request, kind)

    @staticmethod
    def _count(state: State, kind: Kind) -> State:
        faults = list(state.faults)
        faults[FAULT_INDEX[kind]] += 1
        return state._replace(faults=tuple(faults))

    # -- the queue and its consumers -------------------------------------------------------------------

    def _take(self, state: State, index: int) -> tuple[State, int, int]:
        """The state without the next message in the queue, that message, and how often it has been delivered."""
        if not state.ready:
            raise ImpossibleChoice("there is no message to receive")
        message, *ready = state.ready
        attempts = state.attempts
        attempt = min(attempts[message] + 1, MOST_ATTEMPTS)
        state = state._replace(ready=tuple(ready), attempts=(*attempts[:message], attempt, *attempts[message + 1 :]))
        if not self.count_attempts:
            return state, message, 0
        # Beyond the cap attempts have one number, and no two processes at work may draw the same random bytes.
        return state, message, attempt if attempt < MOST_ATTEMPTS else attempt + index

    def _receive(self, state: State, index: int, process: Process) -> State:
        state, message, attempt = self._take(state, index)
        return self._called(state, index, process, message, attempt)

    def _called(self, state: State, index: int, process: Process, call: int, attempt: int, since: int = 0) -> State:
        """The process has been called and has got as far as its first operation."""
        effect = self.effects.begin(state, index, self.tree.root(process.memory, call), attempt)
        started = Process(
            memory=process.memory,
            message=call,
            current=True,
            node=effect.node,
            transaction=effect.transaction,
            attempt=attempt,
            past=process.past,
            since=since,
        )
        return self._stepped(state, index, started, effect.contents)

    def _acknowledge(self, state: State, index: int, process: Process, lost: bool) -> State:
        self.effects.end(state, index)
        message = process.message
        idle = Process(self.tree.nodes[process.node].memory, past=self._past_after(process))
        after = self._stepped(state, index, idle, state.contents)
        if process.current and lost:
            after = after._replace(ready=(*after.ready, message))
        elif process.current:
            after = after._replace(acknowledged=after.acknowledged | 1 << message, times=0)
        return self._woken(after, index, process.transaction.lock, NO_LOCK)

    def _give_back(self, state: State, index: int, process: Process, raised: Raised) -> State:
        self.effects.end(state, index)
        message = process.message
        memory = self.tree.nodes[process.node].memory
        exceptions, dead, ready = state.exceptions, state.dead, state.ready
        if process.current:
            # A delivery that was refused a lock may raise what it will: contention is no poison.
            if raised.kind == "error" and self.cast.dead_letters and not self.tree.nodes[process.node].contended:
                count = exceptions[message] + 1
                exceptions = (*exceptions[:message], count, *exceptions[message + 1 :])
            if exceptions[message] >= MOST_EXCEPTIONS:
                dead |= 1 << message
            else:
                ready = (*ready, message)
        idle = Process(memory, past=self._past_after(process))
        after = self._stepped(state, index, idle, state.contents)
        after = after._replace(exceptions=exceptions, dead=dead, ready=ready)
        return self._woken(after, index, process.transaction.lock, NO_LOCK)

    def _past_after(self, process: Process) -> Past:
        """What the connection knows of this call and those before it."""
        rowid, changes, total, flags = process.past
        flags = self.tree.flags_after(self.tree.nodes[process.node], flags)
        if not self.count_past:
            return Past(flags=flags) if flags else NO_PAST
        for told in self.tree.nodes[process.node].answers():
            if type(told) is SqlResult:
                rowid = told.lastrowid or rowid
                if told.rowcount >= 0:
                    changes = told.rowcount
                total += told.changed
        return Past(rowid, changes, min(total, MOST_CHANGES), flags)

    def _redeliver(self, state: State, index: int, process: Process) -> State:
        if self.roles[index] is Role.LOOP:
            place = next(i for i, (_, status) in enumerate(process.held) if status == HELD)
            message = process.held[place][0]
            moved = process._replace(held=_with(process.held, place, (message, SUPERSEDED)))
        else:
            message, moved = process.message, process._replace(current=False)
        return state._replace(processes=_with(state.processes, index, moved), ready=(message, *state.ready))

    def _crash(self, state: State, index: int, process: Process) -> State:
        self.effects.end(state, index)
        ready, link = state.ready, state.link
        role = self.roles[index]
        if role is Role.CONSUMER and process.current:
            ready = (*ready, process.message)
        elif role is Role.LOOP:
            ready = _returned(ready, process)
        elif role is Role.RECEIVER:
            link = link._replace(where=0)
        successor = Process(self._new_memory(state))
        after = state._replace(processes=_with(state.processes, index, successor), ready=ready, link=link)
        return self._woken(after, index, process.transaction.lock, NO_LOCK)

    # -- loops, jobs, sender and receiver --------------------------------------------------------------

    def _begin(self, state: State, index: int, process: Process, role: Role, kind: Kind) -> State:
        """A call that is not the delivery of a message to a handler."""
        link = state.link
        if role is Role.SENDER:
            after = self._stepped(state, index, process, state.contents)
            return after if kind is Kind.LOST else after._replace(link=Link(link.places, index, 1))
        call = {Role.LOOP: self.cast.loop, Role.JOB: self.cast.job, Role.WRITER: self.cast.writer}.get(role, -1)
        attempt = 0
        if role is Role.RECEIVER:
            call = self.cast.packets[link.places[link.sender]][0]
            state = state._replace(link=link._replace(where=2))
        elif role in (Role.JOB, Role.WRITER):
            state = state._replace(runs=state.runs + 1)
        if self.count_attempts:
            attempt = state.runs if role is Role.JOB else index + 1
        since = state.acknowledged if self.cast.reads and role is Role.JOB else 0
        return self._called(state, index, process, call, attempt, since)

    def _end_call(
        self, state: State, index: int, process: Process, role: Role, request: Returned | Raised, kind: Kind
    ) -> State:
        self.effects.end(state, index)
        memory = self.tree.nodes[process.node].memory
        raised = type(request) is Raised
        ready, link = state.ready, state.link
        idle = Process(self._new_memory(state)) if raised else Process(memory, past=self._past_after(process))
        if role is Role.LOOP:
            ready = _returned(ready, process)
            idle = idle._replace(stopped=not raised and not process.seen_none)
        elif role is Role.RECEIVER:
            place = link.places[link.sender]
            expected = self.cast.packets[place][1]
            answered = isinstance(request, Returned) and request.value == expected and kind is not Kind.LOST
            link = link._replace(places=_with(link.places, link.sender, place + answered), where=0)
        else:
            idle = Process(memory, past=self._past_after(process))
        after = self._stepped(state, index, idle, state.contents)
        if ready is not state.ready or link is not state.link:
            after = after._replace(ready=ready, link=link)
        if self.cast.reads and role is Role.JOB and not self.tree.nodes[process.node].contended:
            delivered = sum(1 << message for message, count in enumerate(state.attempts) if count)
            value, error = (None, request.name) if isinstance(request, Raised) else (request.value, "")
            after = after._replace(heard=(Answer(value, process.since, delivered, error),))
        return self._woken(after, index, process.transaction.lock, NO_LOCK)

    def _ask_elsewhere(self, state: State, index: int, process: Process, request: object, kind: Kind) -> State:
        """An operation that is not a statement on SQLite."""
        if type(request) is RedisWatch:
            process = process._replace(watched=tuple(sorted({*process.watched, *request.keys})))
            return self._told(state, index, process, RedisReply(b"OK"))
        if type(request) is RedisTransaction:
            if process.dirty:
                return self._told(state, index, process._replace(watched=(), dirty=False), RedisReply(None))
            effect = self.effects.step(state, index)
            return self._affected(state, index, effect._replace(unwatched=True))
        if type(request) is Sleep:
            return self._told(state, index, process, 0)
        if type(request) is ReadClock:
            return self._told(state, index, process, state.now)
        if type(request) is Receive:
            if not state.ready:
                process = process._replace(dry=True, seen_none=True)
                return self._told(state, index, process, Received(-1))
            state, message, attempt = self._take(state, index)
            process = process._replace(dry=False, held=(*process.held, (message, HELD)))
            return self._told(state, index, process, Received(message, self.effects.hints.of(attempt)))
        if type(request) is Acknowledge:
            return self._loop_acknowledges(state, index, process, request.delivery, kind)
        if type(request) is Perform:
            if kind is Kind.FAIL:
                return self._told(state, index, process, _FAILED)
            message = process.held[request.delivery][0]
            count = min(state.performed[message] + 1, 2)
            state = state._replace(performed=_with(state.performed, message, count))
            return self._told(state, index, process, Done())
        if type(request) is SendPayment:
            return self._pay(state, index, process, request, kind)
        if type(request) is CallService:
            return self._serve(state, index, process, request, kind)
        return self._affected(state, index, self.effects.step(state, index))

    def _loop_acknowledges(self, state: State, index: int, process: Process, place: int, kind: Kind) -> State:
        message, status = process.held[place]
        if status == SUPERSEDED:
            return self._told(state, index, process, _STALE)
        if kind is Kind.LOST:
            # The queue never hears of it: when the connection ends, the message returns.
            return self._told(state, index, process, _NO_ANSWER)
        process = process._replace(held=_with(process.held, place, (message, ACKNOWLEDGED)))
        state = state._replace(acknowledged=state.acknowledged | 1 << message)
        return self._told(state, index, process, _NO_ANSWER if kind is Kind.ANSWER_LOST else Done())

    def _pay(self, state: State, index: int, process: Process, request: SendPayment, kind: Kind) -> State:
        if kind is Kind.LOST:
            return self._told(state, index, process, _NO_ANSWER)
        known = next((payment for payment in state.payments if payment[0] == request.key), None)
        if known is None:
            state = state._replace(payments=tuple(sorted((*state.payments, tuple(request)))))  # type: ignore[arg-type]
        elif known != tuple(request):
            text = f"the key {request.key!r} stands for another payment: order {known[1]}, amount {known[2]}"
            return self._told(state, index, process, Refused("ValueError", text))
        return self._told(state, index, process, _NO_ANSWER if kind is Kind.ANSWER_LOST else Done())

    def _serve(self, state: State, index: int, process: Process, request: CallService, kind: Kind) -> State:
        if kind is Kind.LOST:
            return self._told(state, index, process, _NO_ANSWER)
        state, told = served(state, request, MOST_REQUESTS * (self.messages + 2))
        answered = kind is not Kind.ANSWER_LOST or isinstance(told, Refused)
        return self._told(state, index, process, told if answered else _NO_ANSWER)

    def _told(self, state: State, index: int, process: Process, told: Told) -> State:
        if process is not state.processes[index]:
            state = state._replace(processes=_with(state.processes, index, process))
        return self._affected(state, index, self.effects.tell(state, index, told))

    # -- time ------------------------------------------------------------------------------------------

    def _pass_time(self, state: State) -> State:
        expiry = self.effects.next_expiry(state) if self.cast.uses_redis else None
        passed = LONG if expiry is None else expiry
        if self.cast.passes:
            passed = self.cast.passes + (_DAYS if state.now // A_WHILE % 4 == 3 else 0)
        elif expiry is None and state.now >= _LONG_ENOUGH:
            passed = A_WHILE
        redis, expired = self.effects.later(state, passed) if expiry is not None else (state.redis, frozenset())
        if self.count_clock:
            state = state._replace(now=state.now + passed, times=state.times + 1)
        return self._touched(state._replace(redis=redis), expired)

    @staticmethod
    def _set_back(state: State) -> State:
        """Somebody sets the clock; Redis has one of its own."""
        return state._replace(now=state.now - HOUR, times=state.times + 1)

    # -- what every step does --------------------------------------------------------------------------

    def _affected(self, state: State, index: int, effect: Effect, stalled: bool = False) -> State:
        before = state.processes[index]
        after = before._replace(
            node=effect.node,
            transaction=effect.transaction,
            waiting=effect.waiting,
            stalled=stalled or before.stalled,
        )
        if self.time_matters and effect.round:
            after = after._replace(vain=min(before.vain + 1, IN_VAIN))
        state = self._stepped(state, index, after, effect.contents)
        if effect.changed and self.journal == "wal":
            state = state._replace(
                processes=tuple(
                    p._replace(transaction=p.transaction._replace(stale=True))
                    if i != index and p.transaction.lock == READ_LOCK and not p.transaction.stale
                    else p
                    for i, p in enumerate(state.processes)
                )
            )
        if effect.redis >= 0 and effect.redis != state.redis:
            state = state._replace(redis=effect.redis)
        if effect.touched:
            state = self._touched(state, effect.touched)
        if effect.unwatched and (after.watched or after.dirty):
            unwatching = state.processes[index]._replace(watched=(), dirty=False)
            state = state._replace(processes=_with(state.processes, index, unwatching))
        return self._woken(state, index, before.transaction.lock, effect.transaction.lock)

    @staticmethod
    def _touched(state: State, keys: frozenset[bytes]) -> State:
        """Who watches one of ``keys`` will not get its EXEC carried out. It may be the toucher itself."""
        if not any(p.watched and not keys.isdisjoint(p.watched) for p in state.processes):
            return state
        return state._replace(
            processes=tuple(
                p._replace(watched=(), dirty=True) if p.watched and not keys.isdisjoint(p.watched) else p
                for p in state.processes
            )
        )

    @staticmethod
    def _stepped(state: State, index: int, process: Process, contents: int) -> State:
        return state._replace(processes=_with(state.processes, index, process), contents=contents, last=index)

    def _woken(self, state: State, index: int, before: int, after: int) -> State:
        """Whoever waits for what this process has just released, or was refused because of it, may try again."""
        if after >= before or before == NO_LOCK:
            return state
        least = NO_LOCK if before >= WRITE_LOCK else PENDING_LOCK
        processes = []
        for i, p in enumerate(state.processes):
            if i != index and (p.stalled or p.waiting):
                p = p._replace(waiting=p.waiting and p.transaction.lock < least, stalled=False)
            processes.append(p)
        return state._replace(processes=tuple(processes))

    # -- for people ------------------------------------------------------------------------------------

    def explain_impossible(self, state: State, choice: Choice, letters: Sequence[str]) -> str | None:
        """Why ``choice`` can't be made now, in one sentence; None where it can."""
        kind, index = choice
        if kind is Kind.TIME:
            return (
                None
                if self.time_can_pass(state) or (self.cast.passes and self.count_clock)
                else "nothing expires: no key has a time to live, nobody asks the time"
            )
        if index >= len(state.processes):
            names = f"{letters[0]} to {letters[-1]}" if len(letters) > 2 else " and ".join(letters)
            return f"there is no such process: this run has {names}"
        letter = letters[index]
        process, role = state.processes[index], self.roles[index]
        request = self.tree.nodes[process.node].request if process.message >= 0 else None
        if kind is Kind.FAIL:
            return (
                None
                if isinstance(request, Perform)
                else f"{letter}'s next step is not process(message), which alone may fail"
            )
        if kind is Kind.STEP:
            return self._why_no_step(state, index, letter, request)
        if kind is Kind.LOCK_TIMEOUT:
            can = process.waiting or self._somebody_may_hold(state, index)
            return None if can else f"{letter} is not waiting for a lock"
        if role is Role.SENDER:
            if kind is Kind.LOST and self._may_be_called(state, index):
                return None
            return (
                f"{letter} sends nothing at this point"
                if kind is Kind.LOST
                else f"{letter} only sends packets: {letter}~"
            )
        if role is Role.WRITER:
            return (
                f"{letter} is somebody else, and nothing goes wrong with it: only {letter} and {letter}? are possible"
            )
        if request is None:
            what = "holds no message" if role in (Role.CONSUMER, Role.LOOP) else "is not at work"
            return f"{letter} {what} at this point"
        if kind is Kind.REDELIVER:
            if role is Role.CONSUMER:
                return None if process.current else f"what {letter} holds has been delivered again already"
            held = any(status == HELD for _, status in process.held)
            return None if held else f"{letter} holds no message at this point"
        if kind is Kind.LOST and isinstance(request, Returned) and role in (Role.CONSUMER, Role.RECEIVER):
            return None
        if kind is Kind.ANSWER_LOST and isinstance(request, Returned) and role is Role.CONSUMER:
            return None
        if kind in (Kind.LOST, Kind.ANSWER_LOST) and not isinstance(request, Acknowledge | SendPayment | CallService):
            what = "acknowledgement" if role in (Role.CONSUMER, Role.LOOP) else "answer"
            return f"{letter} sends no {what} with this step, so none can be lost"
        return None

    def _why_no_step(self, state: State, index: int, letter: str, request: object) -> str | None:
        process, role = state.processes[index], self.roles[index]
        if isinstance(request, Hung):
            return f"{letter} is stuck: {request.why}"
        if process.waiting:
            return f"{letter} waits for a lock; another process has to go on, or let the wait time out: {letter}?"
        if process.message < 0 and role is Role.CONSUMER:
            if not state.ready:
                return f"{letter} has nothing to do: no message is waiting to be delivered"
        elif process.message < 0 and not self._may_be_called(state, index):
            why = {
                Role.LOOP: "no message is waiting to be delivered",
                Role.JOB: "it has run as often as it may, or everything is acknowledged",
                Role.SENDER: "a packet is on its way, or everything has been sent",
                Role.RECEIVER: "no packet is on its way",
                Role.WRITER: "it has run as often as it may, or no packet is on its way",
            }[role]
            return f"{letter} has nothing to do: {why}"
        if (
            isinstance(request, Receive)
            and process.dry
            and not state.ready
            and self.tree.polls_for_ever(self.tree.nodes[process.node])
        ):
            return f"{letter} waits for a message, and none is there"
        return None


def served(state: State, request: CallService, most: int) -> tuple[State, Told]:
    """The state after another service was asked, and its answer. Of equal requests without a key, so many are kept: one
    that is repeated for ever would lead to ever new states."""
    row: Any = (request.key or "", request.service, request.content)
    if request.key is not None:
        known = next((one for one in state.payments if one[:2] == row[:2]), None)
        if known is not None:
            if known == row:
                return state, Done()
            return state, Refused("ValueError", f"the key {request.key!r} stands for another request")
    elif state.payments.count(row) >= most:
        return state, Done()
    return state._replace(payments=tuple(sorted((*state.payments, row)))), Done()


def _returned(ready: tuple[int, ...], process: Process) -> tuple[int, ...]:
    """The queue after a loop's connection has ended, with the messages that returned so."""
    return (*ready, *(message for message, status in process.held if status == HELD))


def _with(things: tuple[T, ...], index: int, thing: T) -> tuple[T, ...]:
    return (*things[:index], thing, *things[index + 1 :])
