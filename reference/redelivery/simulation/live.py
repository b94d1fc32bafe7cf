"""A live run: operations carried out on real stores, one after the other."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Set
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from .chance import drawn
from .operations import (
    DrawBytes,
    Hung,
    LookBack,
    ReadAttempt,
    ReadClock,
    RedisCommand,
    RedisReply,
    RedisTransaction,
    RedisUnwatch,
    Sleep,
    SqlFailure,
    SqlStatement,
    Told,
)
from .process import Node, Tree
from .sqlite_store import NO_LOCK, NO_PAST, Outcome, Past, SqliteStore, Transaction
from .world import Effect, State

if TYPE_CHECKING:
    from .redis_store import RedisOutcome, RedisStore


class NeedsAttempts(Exception):
    """A handler looks at ``message.attempt``, or draws random bytes, so attempts are counted in the state."""


class Hints(Enum):
    """What the queue says of how often it has delivered a message. It is a hint: a broker that counts in memory
    forgets at a failover, and one that has been retrying for hours names large numbers."""

    HONEST = "honest"
    FORGOTTEN = "forgotten"
    MANY = "many"

    def of(self, attempt: int) -> int:
        """What is said of the ``attempt``-th delivery."""
        if attempt < 2 or (self is Hints.FORGOTTEN and attempt < _FORGETS):
            return min(attempt, 1)
        return attempt if self is Hints.HONEST else attempt + _MANY


#: As many as a float takes.
_FEW_BYTES = 7
#: What a queue that has retried for hours adds to the count.
_MANY = 998
#: A queue that forgets doesn't so for ever: from this delivery on it counts again.
_FORGETS = 6


class NeedsClock(Exception):
    """Somebody looks at the time, so that it has to be kept in the state."""


class NeedsPast(Exception):
    """Somebody looks at what a connection did in earlier deliveries, so that it has to be kept in the state."""


class SchemaChanges(Exception):
    """A handler has changed the schema, so that reading it is a step like any other. Its argument, if there is one:
    that schema, where others are known to stay."""


class _CarriedOut(NamedTuple):
    """An operation on a store, and what there was before it."""

    outcome: Outcome | RedisOutcome
    transaction: Transaction
    contents: int
    redis: int = 0
    """The number of Redis's contents afterwards."""


class LiveEffects:
    """Carries out what the rules ask for. Learner code is asked through the tree.

    ``track``: number the contents after each commit. Only a search needs that; a plain run looks at the end.
    ``redis``: None where nobody uses it.
    """

    def __init__(
        self,
        tree: Tree,
        store: SqliteStore,
        count_attempts: bool,
        track: bool,
        redis: RedisStore | None = None,
        count_clock: bool = False,
        count_past: bool = False,
    ) -> None:
        self.tree = tree
        self.store = store
        self.redis = redis
        self.count_attempts = count_attempts
        self.hints = Hints.HONEST
        self.ignore_hints = False
        """Every delivery is said to be the first, whether or not it is."""
        self.hints_read = False
        self.count_clock = count_clock
        self.looks_at_clock = False
        """Somebody has asked what time it is: the learner's code, SQLite or Redis."""
        self.drew = False
        """A handler has drawn random bytes."""
        self.drew_few = False
        """So few of them that it may well compare them with a number."""
        self.count_past = count_past
        self.track = track
        self._at_once: dict[int, Told] = {}
        """What was told at nodes where a call at work went on without a step, by their numbers."""
        self.carries_on = False
        """A process that is at work carries out its statements as it comes to them, since nobody else has a turn."""
        self._carried_out: dict[int, _CarriedOut] = {}
        """What has been carried out so, by the number of the node, until it is that node's turn."""
        self.statements = 0
        self._version = store.data_version()
        self._schema_known_to_change = store.schema_changed

    def open(self, processes: int) -> None:
        """Before the first run: connect every process."""
        self.store.open(range(processes))

    def begin(self, state: State, process: int, root: Node, attempt: int) -> Effect:
        past = self._past(state, process)
        self.store.begin(process, past=past)
        self.tree.begun(root, self._known_at_once(process, attempt, state.now, past))
        return self._free(process, root, attempt, state.now, past)

    def step(self, state: State, process: int) -> Effect:
        p = state.processes[process]
        node = self.tree.nodes[p.node]
        done = self._carried_out.pop(node.number, None) or self._carry_out(process, node, p.attempt, state.now)
        if isinstance(done.outcome, Outcome):
            return self._after(state, process, node, done.outcome)
        return self._after_redis(state, process, node, done.outcome, done.redis)

    def _carry_out(self, process: int, node: Node, attempt: int, now: int) -> _CarriedOut:
        before = self.store.transaction(process), self.store.current
        if isinstance(node.request, RedisCommand | RedisTransaction):
            reply = self.carry_out_on_redis(now, node)
            assert self.redis is not None
            return _CarriedOut(reply, *before, self.redis.number_contents())
        self._set_clock(now)
        self.store.draws_for(self.tree.identity(node, attempt), node.depth)
        return _CarriedOut(self.carry_out(process, node, False), *before)

    def tell(self, state: State, process: int, told: Told) -> Effect:
        node = self.tree.nodes[state.processes[process].node]
        self.told_elsewhere(node, told)
        return self._freed(state, process, node, told)

    def time_out(self, state: State, process: int) -> Effect:
        node = self.tree.nodes[state.processes[process].node]
        return self._after(state, process, node, self.refused(state, process, node))

    def refused(self, state: State, process: int, node: Node) -> Outcome:
        """The statement that ``node`` asks for ends in "database is locked": it has waited for another process, or it
        waits for somebody else."""
        if state.processes[process].waiting:
            return self.store.time_out(process)
        assert isinstance(node.request, SqlStatement)
        return self.store.refuse(process, node.request)

    def lock_wanted(self, state: State, process: int) -> int:
        """The lock that the process's next operation takes besides those that it holds."""
        p = state.processes[process]
        request = self.tree.nodes[p.node].request
        return self.store.lock_wanted(request, p.transaction) if isinstance(request, SqlStatement) else NO_LOCK

    def end(self, state: State, process: int) -> None:
        self.store.end(process)

    def next_expiry(self, state: State) -> int | None:
        """Milliseconds until a Redis key expires; None where none will."""
        return None if self.redis is None else self.redis.next_expiry(state.redis)

    def later(self, state: State, milliseconds: int) -> tuple[int, frozenset[bytes]]:
        """Time passes: the number of Redis's contents afterwards, and the keys that expired."""
        assert self.redis is not None
        number, expired = self.redis.later(state.redis, milliseconds)
        self.redis.restore(number)
        return number, expired

    def carry_out(self, process: int, node: Node, free: bool) -> Outcome:
        """Carry out the statement that ``node`` asks for."""
        request = node.request
        assert isinstance(request, SqlStatement)
        self.statements += 1
        outcome = self.store.execute(process, request)
        if self.store.schema_changed and not self._schema_known_to_change:
            raise SchemaChanges
        if self.store.found_changing is not None:
            raise SchemaChanges(self.store.found_changing)
        self.looks_at_clock = self.looks_at_clock or self.store.clock_read
        if self.store.clock_read and not self.count_clock:
            raise NeedsClock
        if self.store.drew and not self.count_attempts:
            raise NeedsAttempts
        if self.store.looked_back and not self.count_past:
            raise NeedsPast
        return outcome

    @staticmethod
    def _past(state: State, process: object) -> Past:
        """That of a process's connection; of one that takes no part in the run, that of a new connection."""
        return state.processes[process].past if isinstance(process, int) else NO_PAST

    def carry_out_on_redis(self, now: int, node: Node) -> RedisOutcome:
        """Carry out the Redis command, or the commands between MULTI and EXEC, that ``node`` asks for."""
        redis, request = self.redis, node.request
        assert redis is not None
        self.statements += 1
        redis.now = now
        if isinstance(request, RedisCommand):
            outcome = redis.execute(request.arguments)
        else:
            assert isinstance(request, RedisTransaction)
            outcome = redis.transact(request.commands)
        self.looks_at_clock = self.looks_at_clock or redis.clock_read
        if redis.clock_read and not self.count_clock:
            raise NeedsClock
        return outcome

    def told_for_free(self, node: Node, told: Told) -> None:
        """``node`` is told something that took no step: how often its message was delivered, the time, random bytes."""

    def told_elsewhere(self, node: Node, told: Told) -> None:
        """``node`` is told what the queue or another service answered."""

    def _set_clock(self, now: int) -> None:
        if self.count_clock:
            self.store.now = now

    def _after(self, state: State, process: int, node: Node, outcome: Outcome) -> Effect:
        if outcome.told is None:
            return Effect(node.number, outcome.transaction, state.contents, False, True)
        changed = outcome.committed and self._has_changed(state, process)
        if _is_endless(outcome.told):
            child = self.tree.tell(node, outcome.told)
            child.request = Hung(outcome.told.text)  # type: ignore[union-attr]
            effect = Effect(child.number, self.store.transaction(process), self.store.current)
        else:
            effect = self._freed(state, process, node, outcome.told)
        return effect._replace(changed=changed) if changed else effect

    def _after_redis(self, state: State, process: int, node: Node, outcome: RedisOutcome, number: int) -> Effect:
        effect = self._freed(state, process, node, outcome.reply)
        return effect._replace(redis=number, touched=outcome.touched)

    def _has_changed(self, state: State, process: int) -> bool:
        if not self.track:
            return False
        self.store.number_contents()
        version = self.store.data_version()
        changed = version != self._version
        self._version = version
        if changed:
            for other in range(len(state.processes)):
                if other != process:
                    self.store.mark_stale(other)
        return changed

    def forget_changes(self) -> None:
        """What was committed so far has been noticed."""
        self._version = self.store.data_version()

    def _freed(self, state: State, process: int, node: Node, told: Told) -> Effect:
        """The process at ``node`` is told something, and does what takes no step afterwards."""
        p = state.processes[process]
        child = self.tree.tell(node, told, self._known_at_once(process, p.attempt, state.now, p.past))
        return self._free(process, child, p.attempt, state.now, p.past, child.number <= node.number)

    def _known_at_once(self, process: int, attempt: int, now: int, past: Past) -> Callable[[Node], Told | None]:
        def at_once(here: Node) -> Told | None:
            told = self._for_free(process, here, attempt, now, past)
            if told is None:
                return self._carried_on(process, here, attempt, now)
            self._at_once[here.number] = told
            return None if _is_endless(told) else told

        return at_once

    def _carried_on(self, process: int, here: Node, attempt: int, now: int) -> Told | None:
        if not self.carries_on or not isinstance(here.request, SqlStatement | RedisCommand | RedisTransaction):
            return None
        done = self._carried_out[here.number] = self._carry_out(process, here, attempt, now)
        told = done.outcome.told if isinstance(done.outcome, Outcome) else done.outcome.reply
        return None if _is_endless(told) else told

    def _free(
        self, process: int, node: Node, attempt: int, now: int, past: Past = NO_PAST, came_round: bool = False
    ) -> Effect:
        """Carry out what takes no step of its own. A circle of nothing else is left where the process sleeps, or where
        it was entered: there it waits until time has passed. ``came_round``: it has just come round a circle."""
        unwatched = False
        seen: set[int] = set()
        while True:
            if node.circles:
                if node.number in seen:
                    node, came_round = self._resting_place(seen), True
                    break
                seen.add(node.number)
            told = self._at_once.pop(node.number, None)
            if told is None and node.number in self._carried_out:
                break
            if told is None:
                told = self._for_free(process, node, attempt, now, past)
            if told is None:
                break
            if _is_endless(told):
                node = self.tree.tell(node, told)
                node.request = Hung(told.text)  # type: ignore[union-attr]
                break
            unwatched = unwatched or type(node.request) is RedisUnwatch
            before = node
            node = self.tree.tell(node, told, self._known_at_once(process, attempt, now, past))
            came_round = came_round or node.number <= before.number
        done = self._carried_out.get(node.number)
        now_there = (self.store.transaction(process), self.store.current) if done is None else done[1:3]
        effect = Effect(node.number, *now_there)
        return effect._replace(unwatched=unwatched, round=came_round) if unwatched or came_round else effect

    def _for_free(self, process: int, node: Node, attempt: int, now: int, past: Past) -> Told | None:
        """What the process is told at ``node`` if that takes no step; None if it takes one."""
        request = node.request
        kind = type(request)
        told: Told
        if kind is SqlStatement:
            if self.store.takes_a_step(process, request):  # type: ignore[arg-type]
                return None
            self._set_clock(now)
            self.store.draws_for(self.tree.identity(node, attempt), node.depth)
            outcome = self.carry_out(process, node, True)
            assert outcome.told is not None, "what takes no step can't wait"
            return outcome.told
        if kind is ReadAttempt:
            self.hints_read = True
            if not self.count_attempts and not self.ignore_hints:
                raise NeedsAttempts("for a hint")
            told = 1 if self.ignore_hints else self.hints.of(attempt) + self.tree.delivered_before(node)
        elif kind is DrawBytes:
            if not self.count_attempts:
                raise NeedsAttempts
            self.drew = True
            self.drew_few = self.drew_few or request.length <= _FEW_BYTES  # type: ignore[union-attr]
            told = drawn(self.tree.identity(node, attempt), *request)
        elif kind is ReadClock:
            if not self.count_clock:
                raise NeedsClock
            self.looks_at_clock = True
            told = now
        elif kind is LookBack:
            if not self.count_past:
                raise NeedsPast
            told = past.rowid if request.what == "rowid" else past.total  # type: ignore[union-attr]
        elif kind is Sleep:
            told = 0
        elif kind is RedisUnwatch:
            return RedisReply(b"OK")
        else:
            return None
        self.told_for_free(node, told)
        return told

    def _resting_place(self, circle: Set[int]) -> Node:
        """Where a process stays that goes round without a step: where it sleeps, or else looks at the time or at the
        schema. One that only draws random numbers will never do anything else."""
        nodes = [self.tree.nodes[number] for number in sorted(circle)]
        for kind in (Sleep, ReadClock, SqlStatement):
            for node in nodes:
                if type(node.request) is kind:
                    return node
        nodes[0].request = Hung("it goes round for ever without asking the stores or the queue for anything")
        return nodes[0]


def _is_endless(told: Told | None) -> bool:
    """Whether a statement was broken off, since it came to no end."""
    return isinstance(told, SqlFailure) and told.code == sqlite3.SQLITE_INTERRUPT
