"""The rules of the world by numbers: what they said of a part of a state is said of every state with that part.

A state is packed into a few small integers: one for each process, one for what the stores hold, one for the queue and
all the rest. `World.apply` is asked once for each new combination of what a choice can depend on; most states are new
combinations of known ones.

A step is of one of these sorts, by what it reads and writes besides its process::

    statement, command, sleep, clock   the stores
    delivery, end of a call, crash     the queue, the time and the schema; and the faults used, where what a process
                                       draws when it starts depends on how many were killed before
    all others                         everything: `World.apply` is asked each time

Of the other processes a choice can depend on nothing but the locks they hold, whether they wait, were refused or watch
a key, and how often they went round in vain: their *view*. It can change nothing else of them, so what it changed of
one is changed of each that has the same view.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple

from ..simulation.choices import CONSUMERS_OWN, FAULT_INDEX, TIME_PASSES, Choice, Kind
from ..simulation.operations import (
    Hung,
    Raised,
    ReadClock,
    Receive,
    RedisCommand,
    RedisTransaction,
    RedisWatch,
    Returned,
    Sleep,
    SqlStatement,
    Unrepeatable,
)
from ..simulation.process import Node
from ..simulation.sqlite_store import Schema
from ..simulation.world import MOST_MISSED, Process, State, World
from .reduction import RememberedEffects, Step

Packed = tuple[int, ...]
"""The numbers of the processes, of the stores, of the queue, of the faults used; and who made the last step, -1 before
the first."""

_ON_STORES = (SqlStatement, RedisCommand, RedisTransaction, RedisWatch, Sleep, ReadClock)
_ENDS = (Returned, Raised)
#: What a step reads and writes besides its process.
_EVERYTHING, _STORES, _QUEUE = 0, 1, 2
_NUMBER = {kind: number for number, kind in enumerate(Kind)}
_FIRST_FAULT = 32
"""The codes of steps are smaller."""
#: Faults that change nothing of what the stores hold, wherever they strike.
_ON_QUEUE = (Kind.CRASH, Kind.REDELIVER)


class Option(NamedTuple):
    """A choice that is possible; ``own``: it is a fault that befalls a consumer."""

    choice: Choice
    code: int
    own: bool


def _option(choice: Choice) -> Option:
    code = _NUMBER[choice.kind] * 32 + choice.process
    return Option(choice, code, choice.kind in CONSUMERS_OWN)


_STEPS = tuple(_option(Choice(Kind.STEP, index)) for index in range(26))
_TIME_PASSES = _option(TIME_PASSES)

#: The fields of a state that are numbered apart; and how often each message was delivered, which stands by itself.
_PARTS = ("processes", "contents", "redis", "now", "faults", "last", "attempts")
#: What has become of another process: the fields that have changed.
_Change = tuple[tuple[str, Any], ...]


class _Move(NamedTuple):
    """Where a choice leads: the process, the stores and the queue afterwards (-1: as before), whether that was a step,
    and what has become of each process (None: nothing of any other)."""

    process: int
    stores: int
    queue: int
    steps: bool
    changes: tuple[_Change, ...] | None


class Transitions:
    """What is possible in a state, and where it leads.

    ``groups``: of each process, those of one number may be exchanged, if ``symmetry``. Without ``memory`` the world is
    asked each time.
    """

    def __init__(
        self, world: World, effects: RememberedEffects, groups: Sequence[int], symmetry: bool, memory: bool
    ) -> None:
        self._world = world
        self._effects = effects
        self._groups = groups
        self._symmetry = symmetry and len(set(groups)) < len(groups)
        self._memory = memory
        self._count = len(groups)
        last = self._count - 1
        self._others = [[last if other == index else other for other in range(last)] for index in range(self._count)]
        """Of each place the others, in an order in which each place has the last one in its own stead."""
        self._processes: list[Process] = []
        self._process_numbers: dict[tuple[int, Process], int] = {}
        self._nodes: list[Node | None] = []
        self._views: list[int] = []
        self._view_numbers: dict[Any, int] = {}
        self._victims: list[int] = []
        """Of each process: a number that it shares with all who leave the same behind when they are killed."""
        self._victim_numbers: dict[Any, int] = {}
        self._sorts: list[int] = []
        """Of each process: that of its next step."""
        self._plain: list[bool] = []
        """Of each process: it neither waits, nor was refused a lock, nor has gone round in vain."""
        self._stores: list[tuple[int, int, int]] = []
        self._store_numbers: dict[tuple[int, int, int], int] = {}
        rest = [field for field in State._fields if field not in _PARTS]
        self._queue_of = attrgetter(*rest)
        """What is neither a process nor a store: whatever is added to a state is part of this, and so of the key."""
        self._in_order = itemgetter(*((*_PARTS, *rest).index(field) for field in State._fields))
        self._dead, self._missed = rest.index("dead"), rest.index("missed")
        self._queues: list[tuple[Any, ...]] = []
        """What `_queue_of` gets, and how often each message was delivered, where anybody asks."""
        self._queue_numbers: dict[tuple[Any, ...], int] = {}
        self._queue_keys: list[int] = []
        """Of each queue: a number that it shares with those that differ in nothing that anybody can notice."""
        self._queue_key_numbers: dict[tuple[Any, ...], int] = {}
        self._moves: dict[Any, _Move] = {}
        self._called: dict[tuple[int, int, int], bool] = {}
        self._faults: list[tuple[int, ...]] = []
        self._faults_numbers: dict[tuple[int, ...], int] = {}
        self._one_more: dict[tuple[int, int], int] = {}
        self._possible_faults: dict[tuple[int, int, int, int], tuple[Option, ...]] = {}
        self._counts = world.count_attempts or world.cast.reads
        """Whether anybody asks how often a message has been delivered."""
        self._no_attempts = (0,) * world.messages
        self._apart = world.tree.starts_apart
        """What is new-born depends on how many have crashed before."""
        self._tells_faultless = world.cast.loop >= 0
        """A run without any fault is judged otherwise."""
        self._covers: dict[tuple[int, int], bool] = {}
        self._changed: dict[tuple[int, _Change], int] = {}
        self._options: dict[Choice, Option] = {}
        self._slow = world.cast.outsider

    # -- packing ---------------------------------------------------------------------------------------

    def packed(self, state: State) -> Packed:
        """``state`` by numbers."""
        queue = self._queue_of(state)
        attempts = state.attempts if self._counts else ()
        return (
            *map(self._process_number, self._groups, state.processes),
            self._stores_number((state.contents, state.redis, state.now)),
            self._queue_number((*queue, attempts)),
            self._faults_number(state.faults),
            state.last,
        )

    def unpacked(self, packed: Packed) -> State:
        """The state of these numbers; how often a message was delivered is 0 where nobody asks."""
        *queue, attempts = self._queues[packed[-3]]
        processes = self._processes
        parts = (
            tuple([processes[number] for number in packed[:-4]]),
            *self._stores[packed[-4]],
            self._faults[packed[-2]],
            packed[-1],
            attempts or self._no_attempts,
            *queue,
        )
        return State._make(self._in_order(parts))

    def key(self, packed: Packed, exact: bool) -> Packed:
        """Equal for states that have the same continuations; with ``exact``, also as many switches in each."""
        numbers: Sequence[int] = packed[:-4]
        if exact:
            last = packed[-1]
            numbers = [2 * number + (index == last) for index, number in enumerate(numbers)]
        if self._symmetry:
            numbers = sorted(numbers)
        return (*numbers, packed[-4], self._queue_keys[packed[-3]], packed[-2])

    def covers(self, fewer: int, more: int) -> bool:
        """Whether all that follows where the faults with the number ``more`` were used follows as well, in a state that
        is the same otherwise, where ``fewer`` were."""
        known = self._covers.get((fewer, more))
        if known is None:
            one, other = self._faults[fewer], self._faults[more]
            known = all(a <= b for a, b in zip(one, other, strict=True))
            if self._apart:
                known = known and one[FAULT_INDEX[Kind.CRASH]] == other[FAULT_INDEX[Kind.CRASH]]
            if self._tells_faultless:
                known = known and any(one) == any(other)
            self._covers[fewer, more] = known
        return known

    def faults_used(self, packed: Packed) -> tuple[int, ...]:
        """How many faults of each kind."""
        return self._faults[packed[-2]]

    def nodes(self, packed: Packed) -> list[Node]:
        """Of all who are in a call, what they ask."""
        nodes = self._nodes
        return [node for number in packed[:-4] if (node := nodes[number]) is not None]

    def dead(self, packed: Packed) -> int:
        """The messages, as bits, that were put aside."""
        dead: int = self._queues[packed[-3]][self._dead]
        return dead

    def _process_number(self, group: int, process: Process) -> int:
        number = self._process_numbers.get((group, process))
        if number is None:
            number = self._process_numbers[group, process] = len(self._processes)
            self._processes.append(process)
            self._nodes.append(self._world.tree.nodes[process.node] if process.message >= 0 else None)
            transaction = process.transaction
            view = (
                transaction.lock,
                transaction.stale,
                process.waiting,
                process.stalled,
                process.watched,
                process.dirty,
                process.vain,
            )
            self._views.append(self._view_numbers.setdefault(view, len(self._view_numbers)))
            victim = (group, process.message, process.current, process.held, transaction.lock)
            self._victims.append(self._victim_numbers.setdefault(victim, len(self._victim_numbers)))
            self._sorts.append(self._sort(Kind.STEP, number))
            self._plain.append(not (process.waiting or process.stalled or process.vain))
        return number

    def _stores_number(self, stores: tuple[int, int, int]) -> int:
        number = self._store_numbers.get(stores)
        if number is None:
            number = self._store_numbers[stores] = len(self._stores)
            self._stores.append(stores)
        return number

    def _faults_number(self, faults: tuple[int, ...]) -> int:
        number = self._faults_numbers.get(faults)
        if number is None:
            number = self._faults_numbers[faults] = len(self._faults)
            self._faults.append(faults)
        return number

    def _queue_number(self, queue: tuple[Any, ...]) -> int:
        number = self._queue_numbers.get(queue)
        if number is None:
            number = self._queue_numbers[queue] = len(self._queues)
            self._queues.append(queue)
            key = queue if self._world.count_attempts else queue[:-1]
            self._queue_keys.append(self._queue_key_numbers.setdefault(key, len(self._queue_key_numbers)))
        return number

    # -- what may happen -------------------------------------------------------------------------------

    def possible(self, step: Step) -> tuple[list[Option], list[Option]]:
        """What may happen without a fault, and what may go wrong: as `World.steps` and `World.faults` say."""
        packed = step.packed
        assert packed is not None
        world, nodes, plain = self._world, self._nodes, self._plain
        if self._slow or not self._memory:
            return self._asked(step)
        queue = packed[-3]
        if self._queues[queue][self._missed] >= MOST_MISSED:  # whoever looks up its own row goes first
            return self._asked(step)
        moves: list[Option] = []
        for index in range(self._count):
            number = packed[index]
            if not plain[number]:
                return self._asked(step)
            node = nodes[number]
            if node is None:
                may = self._called.get((index, number, queue))
                if may is None:
                    may = self._called[index, number, queue] = world.may_begin(step.state, index)
                if not may:
                    continue
            else:
                asked = type(node.request)
                if asked is Hung or asked is Unrepeatable:
                    continue
                if asked is Receive:
                    return self._asked(step)
            moves.append(_STEPS[index])
        if not moves:
            return self._asked(step)
        faults: list[Option] = []
        for index in range(self._count):
            number = packed[index]
            key = (index, number, packed[-2], queue if nodes[number] is None else -1)
            found = self._possible_faults.get(key)
            if found is None:
                found = tuple(map(self._option, world.faults_of(step.state, index)))
                self._possible_faults[key] = found
            faults += found
        if world.time_matters and world.time_may_pass(step.state):
            faults.append(_TIME_PASSES)
        return moves, faults

    def _asked(self, step: Step) -> tuple[list[Option], list[Option]]:
        world, state = self._world, step.state
        return [*map(self._option, world.steps(state))], [*map(self._option, world.faults(state))]

    def _option(self, choice: Choice) -> Option:
        option = self._options.get(choice)
        if option is None:
            option = self._options[choice] = _option(choice)
        return option

    # -- what happens ----------------------------------------------------------------------------------

    def after(self, step: Step, option: Option) -> Packed:
        """The state after one of the options that are possible."""
        packed = step.packed
        assert packed is not None
        choice, code, _ = option
        kind, index = choice
        if not self._memory:
            sort = _EVERYTHING
        elif code < _FIRST_FAULT:
            sort = self._sorts[packed[index]]
        else:
            sort = self._sort(kind, packed[index])
        if sort == _EVERYTHING:
            return self.packed(self._world.apply(step.state, choice))
        views = self._views
        seen = [views[number] for number in packed[:-4]]
        seen[index] = seen[-1]  # in what order the others stand matters only to themselves
        seen[-1] = index if self._world.count_attempts else -1  # what is counted may name the place
        number = packed[index]
        key: tuple[Any, ...]
        if sort == _STORES:
            key = (code - index, number, packed[-4], *seen)
        else:
            now, faults = self._stores[packed[-4]][2], packed[-2] if self._apart else -1
            if kind is Kind.CRASH:
                number = self._victims[number]
            schema = self._schema_of(packed[-4])
            key = (code - index, number, packed[-3], now, faults, schema, *seen)
        move = self._moves.get(key)
        if move is None:
            after = self._world.apply(step.state, choice)
            arrived = self.packed(after)
            move = self._learnt(sort, step.state, packed, after, arrived, option)
            if move is not None:
                self._moves[key] = move
            return arrived
        process, stores, queue, steps, changes = move
        numbers = list(packed)
        if changes is not None:
            for other, change in zip(self._others[index], changes, strict=True):
                if change:
                    numbers[other] = self._with(self._groups[other], numbers[other], change)
        numbers[index] = process
        if stores >= 0:
            numbers[-4] = stores
        if queue >= 0:
            numbers[-3] = queue
        if code >= _FIRST_FAULT:
            numbers[-2] = self._with_one_more(packed[-2], kind)
        if steps:
            numbers[-1] = index
        return tuple(numbers)

    def _schema_of(self, stores: int) -> Schema | None:
        """What a call that begins can read without a step."""
        return self._effects.store.schema_of(self._stores[stores][0])

    def _with_one_more(self, faults: int, kind: Kind) -> int:
        key = (faults, _NUMBER[kind])
        number = self._one_more.get(key)
        if number is None:
            used = list(self._faults[faults])
            used[FAULT_INDEX[kind]] += 1
            number = self._one_more[key] = self._faults_number(tuple(used))
        return number

    def _sort(self, kind: Kind, number: int) -> int:
        node = self._nodes[number]
        if kind in _ON_QUEUE:
            return _QUEUE
        if kind is Kind.LOCK_TIMEOUT or kind is Kind.TIME:
            return _EVERYTHING
        if node is None:
            return _QUEUE
        asked = type(node.request)
        if asked in _ENDS:
            return _QUEUE
        return _STORES if kind is Kind.STEP and asked in _ON_STORES else _EVERYTHING

    def _learnt(
        self, sort: int, before: State, packed: Packed, after: State, arrived: Packed, option: Option
    ) -> _Move | None:
        """What ``option`` did, to be done again elsewhere; None where it did something that its sort doesn't do."""
        index = option.choice.process
        if (arrived[-3] != packed[-3]) if sort == _STORES else (arrived[-4] != packed[-4]):
            return None
        kind = option.choice.kind
        if arrived[-2] != (packed[-2] if kind is Kind.STEP else self._with_one_more(packed[-2], kind)):
            return None
        steps = kind not in _ON_QUEUE
        if arrived[-1] != (index if steps else packed[-1]):
            return None
        changes: tuple[_Change, ...] | None = None
        others = self._others[index]
        if any(arrived[other] != packed[other] for other in others):
            changes = tuple(_difference(before.processes[other], after.processes[other]) for other in others)
        stores, queue = (arrived[-4], -1) if sort == _STORES else (-1, arrived[-3])
        return _Move(arrived[index], stores, queue, steps, changes)

    def _with(self, group: int, number: int, change: _Change) -> int:
        changed = self._changed.get((number, change))
        if changed is None:
            process = self._processes[number]
            fields = dict(change)
            if "stale" in fields:
                fields["transaction"] = process.transaction._replace(stale=fields.pop("stale"))
            changed = self._changed[number, change] = self._process_number(group, process._replace(**fields))
        return changed


def _difference(before: Process, after: Process) -> _Change:
    changes = []
    fields: Iterable[tuple[str, Any, Any]] = zip(Process._fields, before, after, strict=True)
    for field, old, new in fields:
        if old != new:
            if field == "transaction":
                assert old._replace(stale=new.stale) == new, "of another's transaction only its snapshot ages"
                changes.append(("stale", new.stale))
            else:
                assert field in ("waiting", "stalled", "watched", "dirty", "vain"), field
                changes.append((field, new))
    return tuple(changes)
