"""Which schedules need not be run again, and why that is sound.

**States.** Two schedules that lead to the same state have the same continuations, so only one is continued. The
state holds all that a continuation can depend on: the committed contents; of each process what it was told in
this delivery (a node of the tree), what it remembers from before, its transaction (snapshot, stale or not, lock)
and whether it waits; the queue; the faults used. Leave out, say, whether a snapshot is stale, and this is lost::

    A: BEGIN; SELECT   B: UPDATE; COMMIT   A: UPDATE → database is locked, at once
    A: BEGIN; SELECT   B: UPDATE; ROLLBACK A: UPDATE → 1 row          (contents equal: merged, if B set the old value)

**Symmetry.** Consumers run the same code on separate memories, so exchanging them changes nothing but letters: in
the key they are sorted.

**Faults used.** They stand in the state only because they are limited in number. Where the same state was reached
with some of the same faults, all that can follow is known already; but that a process which starts may draw other
numbers after a crash, and that a loop is judged otherwise where there was no fault at all.

**Memory of steps.** What a statement does depends on what the process was told so far (which is all it has
written in its open transaction, too), its transaction, the committed contents and the locks of others. So it is
carried out for real only where this combination is new. Every real replay is compared with what was remembered.

**Numbers.** What the rules make of the parts of a state that a choice depends on they make of them in every state:
see `transitions`.

**Rounds.** A process that goes round (see `Tree`) and asks something else in the end is carried on alone to its last
round, as one move, where a whole round leaves everything as it was. Others step in during its first rounds and its
last, and nowhere between: what they do there shows itself to the process in the same way, unless it counts its rounds.

What is *not* done: a lock holder's statements are not run as one step up to its COMMIT. Others can run into its
lock in between, give up, and acknowledge: at two faults final states would be lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..simulation.choices import Choice, Kind
from ..simulation.live import Hints, LiveEffects
from ..simulation.operations import (
    DrawBytes,
    LookBack,
    ReadAttempt,
    ReadClock,
    RedisUnwatch,
    Sleep,
    SqlResult,
    SqlStatement,
    Told,
)
from ..simulation.process import Node, Tree, same_request
from ..simulation.sqlite_store import READ_LOCK, SqliteStore, exact
from ..simulation.world import Effect, Process, State, World

if TYPE_CHECKING:
    from ..simulation.redis_store import RedisStore
    from .transitions import Packed, Transitions


Cost = tuple[int, int, int, int]
"""Faults, those of them that befall a consumer, switches, length."""


Rounds = tuple[Choice, ...]
"""The choices by which a process was carried on alone; none where it was not."""


class Step:
    """A state on the search's way, and how it was reached: by ``choice``, or by whole ``rounds`` that begin with it."""

    __slots__ = (
        "_state",
        "choice",
        "cost",
        "covered_by",
        "expanded",
        "key",
        "next",
        "packed",
        "parent",
        "rounds",
        "transitions",
    )

    def __init__(
        self,
        parent: Step | None,
        choice: Choice | None,
        state: State | None,
        cost: Cost,
        rounds: Rounds = (),
        packed: Packed | None = None,
        transitions: Transitions | None = None,
    ) -> None:
        """``packed``: the state by the numbers of ``transitions``; one of the two is enough."""
        self.parent = parent
        self.choice = choice
        self.rounds = rounds
        self._state = state
        self.packed = packed
        self.transitions = transitions
        self.cost = cost
        self.expanded = False
        self.next: list[tuple[bool, Step]] = []
        self.key: Packed = ()
        """By which it is known, the faults last."""
        self.covered_by: Step | None = None
        """The same state, reached with some of these faults only: all that follows here follows there."""

    @property
    def state(self) -> State:
        """The state itself."""
        state = self._state
        if state is None:
            assert self.packed is not None and self.transitions is not None
            state = self._state = self.transitions.unpacked(self.packed)
        return state

    def moved_to(self, packed: Packed) -> None:
        """Another way to here was found, on which processes may have one another's places."""
        self.packed, self._state = packed, None

    def schedule(self) -> tuple[Choice, ...]:
        """The choices that lead here."""
        choices: list[Choice] = []
        step: Step | None = self
        while step is not None and step.choice is not None:
            choices += reversed(step.rounds or (step.choice,))
            step = step.parent
        return tuple(reversed(choices))


class Mismatch(Exception):
    """A real replay did something else than what was remembered: the handler or the store is not deterministic."""


class RememberedEffects:
    """Effects by memory; what is not remembered is carried out on a live store brought to the state."""

    def __init__(
        self,
        tree: Tree,
        store: SqliteStore,
        count_attempts: bool,
        memory: bool = True,
        redis: RedisStore | None = None,
        count_clock: bool = False,
        count_past: bool = False,
    ) -> None:
        self.tree = tree
        self.live = LiveEffects(tree, store, count_attempts, True, redis, count_clock, count_past)
        self.store = store
        self.redis = redis
        self.count_attempts = count_attempts
        self.memory = memory
        self.wal = store.journal == "wal"
        self.at: Step | None = None
        """Where the live store is; None: nowhere known."""
        self.here: Step | None = None
        """The step that the search is continuing from."""
        self.moved = False
        """The last choice was carried out on the live store, which is now where that choice leads."""
        self.real = 0
        """Operations carried out because nothing was remembered."""
        self.replays = 0
        self._remembered: dict[Any, Effect] = {}
        self._has_traces: dict[int, bool] = {}
        self.strict = False
        """A handler asks for what its connection did before, so a connection can't be made anew halfway."""

    @property
    def hints(self) -> Hints:
        """What the queue says of how often it has delivered a message."""
        return self.live.hints

    @hints.setter
    def hints(self, hints: Hints) -> None:
        self.live.hints = hints

    def open(self, processes: int) -> None:
        """Before the first run: connect every process."""
        self.live.open(processes)

    def begin(self, state: State, process: int, root: Node, attempt: int) -> Effect:
        # What takes no step of its own reads no rows and takes no lock, so nothing else matters here but the schema.
        schema = self.store.schema_of(state.contents)
        key = (root.number, attempt, state.now, state.processes[process].past, schema)
        effect = self._remembered.get(key)
        if effect is None:
            self._bring()
            effect = self._remember(key, self.live.begin(state, process, root, attempt))
        return effect if effect.contents == state.contents else effect._replace(contents=state.contents)

    def step(self, state: State, process: int) -> Effect:
        key = self._key(state, process)
        effect = self._remembered.get(key)
        if effect is None:
            self._look_at(self.tree.nodes[state.processes[process].node])
            self._bring()
            effect = self._remember(key, self.live.step(state, process))
        return effect

    def tell(self, state: State, process: int, told: Told) -> Effect:
        key = (*self._key(state, process), told)
        effect = self._remembered.get(key)
        if effect is None:
            self._bring()
            effect = self._remember(key, self.live.tell(state, process, told))
        return effect

    def time_out(self, state: State, process: int) -> Effect:
        key = (*self._key(state, process), "refused", state.processes[process].waiting)
        effect = self._remembered.get(key)
        if effect is None:
            self._bring()
            effect = self._remember(key, self.live.time_out(state, process))
        return effect

    def lock_wanted(self, state: State, process: int) -> int:
        return self.live.lock_wanted(state, process)

    def _key(self, state: State, process: int) -> tuple[Any, ...]:
        """All that a step, and the free operations after it, can depend on."""
        p = state.processes[process]
        return (
            p.node,
            p.transaction,
            state.contents,
            self._others(state, process),
            p.attempt,
            state.redis,
            state.now,
            p.past,
        )

    def next_expiry(self, state: State) -> int | None:
        """Milliseconds until a Redis key expires; None where none will."""
        return self.live.next_expiry(state)

    def later(self, state: State, milliseconds: int) -> tuple[int, frozenset[bytes]]:
        """Time passes. The live store follows when it is brought to a state."""
        assert self.redis is not None
        return self.redis.later(state.redis, milliseconds)

    def end(self, state: State, process: int) -> None:
        pass

    def _others(self, state: State, process: int) -> int:
        """The locks that others hold, as far as they matter here: in WAL readers disturb nobody."""
        locks = 0
        for index, other in enumerate(state.processes):
            if index != process and (lock := other.transaction.lock):
                locks |= 1 << lock
        return locks & ~(1 << READ_LOCK) if self.wal else locks

    def _remember(self, key: Any, effect: Effect) -> Effect:
        self.real += 1
        self.at = None
        self.moved = True
        if self.memory:
            self._remembered[key] = effect
        return effect

    def forget_place(self) -> None:
        """A new search begins: no step of an earlier one is a place any more."""
        self.at = self.here = None

    # -- bringing the live store to the state that the search is in -------------------------------------

    def _bring(self) -> None:
        here = self.here
        assert here is not None
        if self.at is here:
            return
        path: list[Step] = []
        step: Step = here
        while step is not self.at:
            path.append(step)
            if step.parent is None or self._is_quiet(step.state):
                break
            step = step.parent
        if step is not self.at:
            self.store.restore(step.state.contents)
            for index, process in enumerate(step.state.processes):
                if process.message >= 0:
                    self.store.begin(index, self._last_rowid(process.node), process.past)
            path.pop()
            self.replays += 1
        for forward in reversed(path):
            assert forward.parent is not None and forward.choice is not None
            if forward.rounds:
                continue  # they left everything as it was
            self._repeat(forward.parent.state, forward.choice, forward.state)
        if self.redis is not None:  # which keeps nothing but its contents, so its commands need no repeating
            self.redis.restore(here.state.redis)
        self.at = here

    def _is_quiet(self, state: State) -> bool:
        """Whether the contents say all there is to say of the store: nothing is open, and no connection remembers
        something of this delivery (flags set; and what it wrote, once a handler asks for ``changes()``)."""
        for p in state.processes:
            if p.message >= 0 and (p.transaction.open or p.transaction.lock or p.waiting or self._left_traces(p.node)):
                return False
        return True

    def _look_at(self, node: Node) -> None:
        """Before a statement is carried out: does it ask what its connection did before?"""
        request = node.request
        if not self.strict and isinstance(request, SqlStatement) and self.store.asks_connection(request):
            self.strict = True
            self.at = None
            self._has_traces.clear()

    def _last_rowid(self, number: int) -> int:
        node: Node | None = self.tree.nodes[number]
        while node is not None:
            if isinstance(node.told, SqlResult):
                return node.told.lastrowid or 0
            node = node.parent
        return 0

    def _left_traces(self, number: int) -> bool:
        path = []
        node: Node | None = self.tree.nodes[number]
        while node is not None and node.number not in self._has_traces:
            path.append(node)
            node = node.parent
        traces = False if node is None else self._has_traces[node.number]
        for node in reversed(path):
            parent = node.parent
            if parent is not None and isinstance(parent.request, SqlStatement):
                traces = traces or self.store.leaves_traces(parent.request, self.strict)
            self._has_traces[node.number] = traces
        return traces

    def _repeat(self, before: State, choice: Choice, after: State) -> None:
        """Carry out one known step again, and compare."""
        kind, index = choice
        if kind is Kind.REDELIVER or kind is Kind.TIME:  # of a passing of time, index is no process's
            return
        p, q = before.processes[index], after.processes[index]
        store = self.store
        if kind is Kind.CRASH or (p.message >= 0 and self.tree.nodes[p.node].ended):
            store.end(index)
            return
        if p.message < 0 and q.message < 0:  # a sender
            return
        if self.live.count_clock:
            store.now = before.now
        if p.message < 0:
            store.begin(index, past=p.past)
            node = self.tree.nodes[q.node].root
        else:
            node = self.tree.nodes[p.node]
            if not isinstance(node.request, SqlStatement):
                self._repeat_free(index, node, q, asked=True)
                return
            store.draws_for(self.tree.identity(node, p.attempt), node.depth)
            if kind is not Kind.LOCK_TIMEOUT:
                outcome = store.execute(index, node.request)
            else:
                outcome = store.time_out(index) if p.waiting else store.refuse(index, node.request)
            if outcome.told is None:
                if not q.waiting:
                    raise Mismatch
                return
            if q.waiting:
                raise Mismatch
            if outcome.committed:
                if self.store.number_contents() != after.contents:
                    raise Mismatch
                self.live._version = store.data_version()
                for other, process in enumerate(after.processes):
                    if other != index and process.transaction.stale:
                        store.mark_stale(other)
            node = self._child(node, outcome.told)
        self._repeat_free(index, node, q)

    def _repeat_free(self, index: int, node: Node, after: Process, asked: bool = False) -> None:
        """What took no step of its own. With ``asked``, the first operation is one that was not SQLite's."""
        for next_node in _between(node, self.tree.nodes[after.node]):
            request = node.request
            if isinstance(request, SqlStatement):
                self.store.draws_for(self.tree.identity(node, after.attempt), node.depth)
                told = self.store.execute(index, request).told
                if told != next_node.told:
                    raise Mismatch
            else:
                assert asked or isinstance(
                    request, ReadAttempt | ReadClock | LookBack | DrawBytes | RedisUnwatch | Sleep
                )
            node, asked = next_node, False

    def _child(self, node: Node, told: Any) -> Node:
        before = len(self.tree.nodes)
        child = self.tree.tell(node, told)
        if len(self.tree.nodes) != before:
            raise Mismatch
        return child


def _between(start: Node, end: Node) -> list[Node]:
    """The nodes after ``start`` up to ``end``. Where they lie on a circle, the way leads over its seam."""
    nodes: list[Node] = []
    node = end
    while node is not start:
        nodes.append(node)
        if node.parent is None:
            return _way_round(start, end)
        node = node.parent
    return nodes[::-1]


def _way_round(start: Node, end: Node) -> list[Node]:
    came_from = {start.number: start}
    todo = [start]
    for node in todo:
        for child in node.children.values():
            if child.number not in came_from:
                came_from[child.number] = node
                todo.append(child)
        if end.number in came_from:
            break
    else:
        raise Mismatch
    nodes = [end]
    while (before := came_from[nodes[-1].number]) is not start:
        nodes.append(before)
    return nodes[::-1]


#: What a queue may say instead of 1: deliveries after few and after many others.
_OTHER_HINTS = (2, 3, 4, 5, 6, 7, 1000)


def hints_matter(tree: Tree) -> bool:
    """Whether some call would have asked another thing, or remembered one, if its message had been said to be delivered
    again. All that is known was told that each delivery is the first."""
    for end in tuple(node for node in tree.hosted if node.ended):
        path = _between(end.root, end)
        if not any(isinstance(node.parent.request, ReadAttempt) for node in path if node.parent is not None):
            continue
        for said in _OTHER_HINTS:
            node = end.root
            for step in path:
                told = said if isinstance(node.request, ReadAttempt) else step.told
                assert told is not None
                node = tree.tell(node, told)
                if not same_request(node.request, step.request):
                    return True
            if node.memory != end.memory:
                return True
    return False


def carried_on(world: World, effects: RememberedEffects, step: Step, choice: Choice) -> tuple[State, Rounds] | None:
    """Where a process that goes round gets if ``choice`` begins another round and nobody else steps in: to its last
    round; and the choices on the way. None where it doesn't go round here, or a round leaves something else than it
    found. A wait for a lock that ends in an error, as one did before, belongs to a round.

    ``effects.here`` has to be ``step``, and is so again afterwards.
    """
    if choice.kind is not Kind.STEP and choice.kind is not Kind.LOCK_TIMEOUT:
        return None
    nodes = world.tree.nodes
    index = choice.process
    process = step.state.processes[index]
    if process.message < 0 or (skip := nodes[process.node].skip) is None:
        return None
    if choice.kind is Kind.LOCK_TIMEOUT and not process.stalled:
        return None
    round_end = nodes[process.node]
    for told in skip.answers:
        round_end = round_end.children[exact(told)]
    here, choices = step, [choice]
    while True:
        after = world.apply(here.state, choices[-1])
        here = Step(here, choices[-1], after, step.cost)
        if effects.moved:
            effects.at, effects.moved = here, False
        effects.here = here
        now = after.processes[index]
        if now.node == round_end.number and now.waiting == process.waiting:
            break
        if len(choices) > 2 * len(skip.answers) or nodes[now.node].ended or (now.waiting and not now.stalled):
            break
        choices.append(Choice(Kind.LOCK_TIMEOUT if now.waiting else Kind.STEP, index))
    effects.here = step
    state = here.state
    arrived = state.processes[index]
    if arrived.node != round_end.number or arrived._replace(node=process.node) != process:
        return None
    back = (*state.processes[:index], process, *state.processes[index + 1 :])
    if state._replace(processes=back, last=step.state.last) != step.state:
        return None
    processes = (*state.processes[:index], process._replace(node=skip.node.number), *state.processes[index + 1 :])
    return state._replace(processes=processes), tuple(choices) * (skip.operations // len(skip.answers))
