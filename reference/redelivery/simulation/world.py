"""The rules of the world: queue, consumers, locks and faults, as one pure function from state to state.

`World.apply` knows nothing of learner code and touches no store; what an operation does is asked of `Effects`.
A live run carries operations out; a search mostly remembers what they did. Both follow the same rules,
because the rules stand only here.

A message's way through the queue::

    ready ──receive──▶ held by A ──ack──▶ acknowledged
      ▲                 │ │ └─────────────(third exception)──▶ dead letter
      │                 │ └──+A: delivered again, in front; A's own delivery is superseded
      └──raise, crash,──┘
         lost ack: at the end
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from .choices import FAULT_INDEX, Choice, Kind
from .operations import Hung, Raised, Returned, Unrepeatable
from .process import Node, Tree
from .sqlite_store import CLOSED, NO_LOCK, PENDING_LOCK, READ_LOCK, WRITE_LOCK, Journal, Transaction

#: A message whose handler raised this often goes to the dead-letter queue.
MOST_EXCEPTIONS = 3
#: So often is one process refused by a lock while nobody releases one: immediate refusals, and waits that time out
#: after the first one that did (one stall of the holder can outlast several waits). After that the process lets the
#: others go on, if they can, and tries once after each release. Without it, a handler that tries again for ever, and
#: is right, would have endlessly many states; with a smaller number, one that gives up after three tries would pass.
MOST_REFUSALS = 5
#: Attempts are counted up to here, so that a retrying consumer has finitely many states.
MOST_ATTEMPTS = 6


class Process(NamedTuple):
    """What matters of one consumer between two steps.

    ``message`` is -1 while it waits for one. ``current``: the queue has not delivered it again meanwhile.
    ``attempt`` is how often the message had been delivered when this process received it (0: nobody asks).
    ``waiting``: for a lock. ``barred``: messages (as bits) it returned and may not get back at once. ``refusals``:
    lock errors since somebody else released a lock; ``stalled``: one of them was a wait that timed out.
    """

    memory: int = 0
    message: int = -1
    current: bool = False
    node: int = -1
    transaction: Transaction = CLOSED
    waiting: bool = False
    barred: int = 0
    attempt: int = 0
    refusals: int = 0
    stalled: bool = False


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


class Effect(NamedTuple):
    """What an operation, and the free operations that follow it, did."""

    node: int
    transaction: Transaction
    contents: int
    changed: bool = False
    """The database file was changed, which makes older snapshots stale."""
    waiting: bool = False
    refused: bool = False
    """The process was told "database is locked"."""


class Effects(Protocol):
    """Who knows what operations do."""

    def begin(self, state: State, process: int, root: Node, attempt: int) -> Effect:
        """A delivery starts at ``root``; the message's ``attempt``-th."""

    def step(self, state: State, process: int) -> Effect:
        """The process's next operation is carried out."""

    def time_out(self, state: State, process: int) -> Effect:
        """The process's wait for a lock ends in "database is locked"."""

    def end(self, state: State, process: int) -> None:
        """A delivery is over, by return, exception or crash: what is open is rolled back."""


class Bounds(NamedTuple):
    """How far a search goes; part of every verdict."""

    consumers: int = 2
    faults: int = 2
    crashes: int = 1
    lost_acks: int = 1
    redeliveries: int = 1
    lock_timeouts: int = 1

    @property
    def by_kind(self) -> tuple[int, ...]:
        """The bounds in the order of `FAULTS`."""
        return (self.crashes, self.lost_acks, self.redeliveries, self.lock_timeouts)


class ImpossibleChoice(ValueError):
    """A schedule asks for something that can't happen in this state."""


_NEW = Process()
_STEPS = tuple(Choice(Kind.STEP, i) for i in range(26))
_CRASHES = tuple(Choice(Kind.CRASH, i) for i in range(26))
_LOSSES = tuple(Choice(Kind.LOST, i) for i in range(26))
_REDELIVERIES = tuple(Choice(Kind.REDELIVER, i) for i in range(26))
_TIMEOUTS = tuple(Choice(Kind.LOCK_TIMEOUT, i) for i in range(26))


class World:
    """The rules for ``messages`` messages, with a tree that says what processes ask."""

    def __init__(
        self, tree: Tree, effects: Effects, messages: int, bounds: Bounds, journal: Journal, count_attempts: bool
    ) -> None:
        self.tree = tree
        self.effects = effects
        self.messages = messages
        self.bounds = bounds
        self.journal: Journal = journal
        self.count_attempts = count_attempts

    def initial(self, contents: int) -> State:
        """All messages ready, all consumers idle."""
        nothing = (0,) * self.messages
        return State(
            (_NEW,) * self.bounds.consumers,
            tuple(range(self.messages)),
            nothing,
            nothing,
            0,
            0,
            contents,
            (0,) * len(FAULT_INDEX),
            -1,
        )

    # -- what may happen -------------------------------------------------------------------------------

    def _enabled(self, state: State) -> list[int]:
        """The processes that can make a step now."""
        enabled: list[int] = []
        barred: list[int] = []
        nodes = self.tree.nodes
        ready = state.ready
        for index, process in enumerate(state.processes):
            if process.message >= 0:
                if not process.waiting and type(nodes[process.node].request) not in (Hung, Unrepeatable):
                    (barred if process.refusals >= MOST_REFUSALS else enabled).append(index)
            elif ready:
                if process.barred and all(process.barred >> m & 1 for m in ready):
                    barred.append(index)
                else:
                    enabled.append(index)
        # Who returned a message, or was refused by a lock too often, waits until somebody else has made a step;
        # but only if somebody can.
        return enabled or barred

    def steps(self, state: State) -> list[Choice]:
        """What may happen without a fault; empty at the end of a run and in a dead end."""
        enabled = self._enabled(state)
        if not enabled:
            return [_TIMEOUTS[i] for i, process in enumerate(state.processes) if process.waiting]
        moves = [_STEPS[i] for i in enabled]
        for index, process in enumerate(state.processes):
            if process.stalled and process.waiting and process.refusals < MOST_REFUSALS:
                moves.append(_TIMEOUTS[index])
        return moves

    def faults(self, state: State) -> list[Choice]:
        """What may go wrong next, within the bounds."""
        used = state.faults
        if sum(used) >= self.bounds.faults:
            return []
        crashes, losses, redeliveries, timeouts = map(int.__gt__, self.bounds.by_kind, used)
        found = []
        nodes = self.tree.nodes
        someone_can = bool(self._enabled(state)) if timeouts else False
        for index, process in enumerate(state.processes):
            if process.message < 0:
                continue
            if crashes:
                found.append(_CRASHES[index])
            if redeliveries and process.current:
                found.append(_REDELIVERIES[index])
            if losses and process.current and type(nodes[process.node].request) is Returned:
                found.append(_LOSSES[index])
            if process.waiting and timeouts and someone_can and not process.stalled:
                found.append(_TIMEOUTS[index])
        return found

    def is_fault(self, state: State, choice: Choice) -> bool:
        """Whether ``choice`` uses up the budget. A lock time-out is free when nothing else can go on, and when the
        same stall has outlasted a wait before."""
        kind = choice.kind
        if kind is Kind.STEP:
            return False
        return not (kind is Kind.LOCK_TIMEOUT and (state.processes[choice.process].stalled or not self._enabled(state)))

    # -- what happens ----------------------------------------------------------------------------------

    def apply(self, state: State, choice: Choice) -> State:
        """The state after ``choice``, which must be possible (see `explain_impossible`)."""
        kind, index = choice
        process = state.processes[index]
        if kind is Kind.STEP or kind is Kind.ANSWER_LOST:
            if process.message < 0:
                after = self._receive(state, index, process)
            else:
                request = self.tree.nodes[process.node].request
                if type(request) is Returned:
                    after = self._acknowledge(state, index, process, lost=False)
                elif type(request) is Raised:
                    after = self._give_back(state, index, process, request)
                else:
                    after = self._affected(state, index, self.effects.step(state, index))
            if kind is Kind.ANSWER_LOST:
                after = self._count(after, Kind.LOST)
            return after
        if kind is Kind.LOCK_TIMEOUT:
            fault = self.is_fault(state, choice)
            after = self._affected(state, index, self.effects.time_out(state, index), stalled=True)
            return self._count(after, kind) if fault else after
        if kind is Kind.LOST:
            return self._count(self._acknowledge(state, index, process, lost=True), kind)
        if kind is Kind.REDELIVER:
            moved = process._replace(current=False)
            after = state._replace(
                processes=_with(state.processes, index, moved), ready=(process.message, *state.ready)
            )
            return self._count(after, kind)
        if kind is Kind.CRASH:
            return self._count(self._crash(state, index, process), kind)
        raise ImpossibleChoice(f"{kind.name.lower()} is not possible here")

    @staticmethod
    def _count(state: State, kind: Kind) -> State:
        faults = list(state.faults)
        faults[FAULT_INDEX[kind]] += 1
        return state._replace(faults=tuple(faults))

    def next_message(self, state: State, index: int) -> int | None:
        """The message that process ``index`` would receive now."""
        barred = state.processes[index].barred
        for message in state.ready:
            if not barred >> message & 1:
                return message
        return state.ready[0] if state.ready else None

    def _receive(self, state: State, index: int, process: Process) -> State:
        message = self.next_message(state, index)
        if message is None:
            raise ImpossibleChoice("there is no message to receive")
        attempts = state.attempts
        attempt = min(attempts[message] + 1, MOST_ATTEMPTS)
        ready = list(state.ready)
        ready.remove(message)
        state = state._replace(ready=tuple(ready), attempts=(*attempts[:message], attempt, *attempts[message + 1 :]))
        root = self.tree.root(process.memory, message)
        if not self.count_attempts:
            attempt = 0
        effect = self.effects.begin(state, index, root, attempt)
        started = Process(process.memory, message, True, effect.node, effect.transaction, False, 0, attempt)
        return self._stepped(state, index, started, effect.contents)

    def _affected(self, state: State, index: int, effect: Effect, stalled: bool = False) -> State:
        before = state.processes[index]
        after = Process(
            before.memory,
            before.message,
            before.current,
            effect.node,
            effect.transaction,
            effect.waiting,
            0,
            before.attempt,
            min(before.refusals + effect.refused, MOST_REFUSALS),
            stalled or before.stalled,
        )
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
        return self._woken(state, index, before.transaction.lock, effect.transaction.lock)

    def _stepped(self, state: State, index: int, process: Process, contents: int) -> State:
        processes = [
            process if i == index else p._replace(barred=0) if p.barred else p for i, p in enumerate(state.processes)
        ]
        return State(
            tuple(processes),
            state.ready,
            state.exceptions,
            state.attempts,
            state.acknowledged,
            state.dead,
            contents,
            state.faults,
            index,
        )

    def _woken(self, state: State, index: int, before: int, after: int) -> State:
        """Whoever waits for what this process has just released, or was refused because of it, may try again."""
        if after >= before or before == NO_LOCK:
            return state
        least = NO_LOCK if before >= WRITE_LOCK else PENDING_LOCK
        processes = []
        for i, p in enumerate(state.processes):
            if i != index and (p.refusals or p.stalled or p.waiting):
                waiting = p.waiting and p.transaction.lock < least
                p = p._replace(waiting=waiting, refusals=_calmed(p.refusals), stalled=False)
            processes.append(p)
        return state._replace(processes=tuple(processes))

    def _acknowledge(self, state: State, index: int, process: Process, lost: bool) -> State:
        self.effects.end(state, index)
        message = process.message
        idle = Process(self.tree.nodes[process.node].memory)
        after = self._stepped(state, index, idle, state.contents)
        if process.current and lost:
            after = after._replace(ready=(*after.ready, message))
        elif process.current:
            after = after._replace(acknowledged=after.acknowledged | 1 << message)
        return self._woken(after, index, process.transaction.lock, NO_LOCK)

    def _give_back(self, state: State, index: int, process: Process, raised: Raised) -> State:
        self.effects.end(state, index)
        message = process.message
        memory = self.tree.nodes[process.node].memory
        exceptions, dead, ready, barred = state.exceptions, state.dead, state.ready, 0
        if process.current:
            if raised.kind == "error":
                count = exceptions[message] + 1
                exceptions = (*exceptions[:message], count, *exceptions[message + 1 :])
            if exceptions[message] >= MOST_EXCEPTIONS:
                dead |= 1 << message
            else:
                ready, barred = (*ready, message), 1 << message
        idle = Process(memory, barred=barred)
        after = self._stepped(state, index, idle, state.contents)
        after = after._replace(exceptions=exceptions, dead=dead, ready=ready)
        return self._woken(after, index, process.transaction.lock, NO_LOCK)

    def _crash(self, state: State, index: int, process: Process) -> State:
        self.effects.end(state, index)
        ready, barred = state.ready, 0
        if process.current:
            ready, barred = (*ready, process.message), 1 << process.message
        after = state._replace(processes=_with(state.processes, index, Process(barred=barred)), ready=ready)
        return self._woken(after, index, process.transaction.lock, NO_LOCK)

    # -- for people ------------------------------------------------------------------------------------

    def explain_impossible(self, state: State, choice: Choice, letter: str) -> str | None:
        """Why ``choice`` can't be made now, in one sentence; None where it can."""
        kind, index = choice
        if index >= len(state.processes):
            last = chr(ord("A") + len(state.processes) - 1)
            return f"there is no process {letter}: this run has A to {last}"
        process = state.processes[index]
        request = self.tree.nodes[process.node].request if process.message >= 0 else None
        if kind in (Kind.FAIL, Kind.TIME):
            return "nothing in this exercise can fail or expire by itself"
        if kind is Kind.STEP:
            if isinstance(request, Hung):
                return f"{letter} is stuck: {request.why}"
            if process.waiting:
                return f"{letter} waits for a lock; another process has to go on, or let the wait time out: {letter}?"
            if process.message < 0 and not state.ready:
                return f"{letter} has nothing to do: no message is waiting to be delivered"
            if process.message < 0 and index not in self._enabled(state):
                return f"{letter} has just returned the message; another process has to make a step first"
            return None
        if kind is Kind.LOCK_TIMEOUT:
            return None if process.waiting else f"{letter} is not waiting for a lock"
        if request is None:
            return f"{letter} holds no message at this point"
        if kind is Kind.REDELIVER and not process.current:
            return f"what {letter} holds has been delivered again already"
        if kind in (Kind.LOST, Kind.ANSWER_LOST) and not isinstance(request, Returned):
            return f"{letter} sends no acknowledgement with this step, so none can be lost"
        return None


def _calmed(refusals: int) -> int:
    """Somebody else has released a lock: who had used up its patience may try once more, others start afresh."""
    return MOST_REFUSALS - 1 if refusals >= MOST_REFUSALS - 1 else 0


def _with(processes: tuple[Process, ...], index: int, process: Process) -> tuple[Process, ...]:
    return (*processes[:index], process, *processes[index + 1 :])
