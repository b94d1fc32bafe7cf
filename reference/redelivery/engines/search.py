"""Every schedule within bounds, over a real store; the cheapest counterexample first.

What a step does to the store is found out by carrying it out, once: two states that agree in `Seen` agree in all that
can follow, and what the queue knows follows by rule. Where that agreement is not known to be enough (SERIALIZABLE
remembers who has read what) `Seen` holds all that was done since the store was last quiet.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import process_time, time
from typing import Any, NamedTuple

from ..simulation import guards
from ..simulation.world import Bounds
from .port import Contents, Statement, Store
from .run import Ended, Indefinite, InNoRing, LookedTooEarly, Run, Table
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
    faults_left,
    first_queue,
    give_back,
    receive,
    redeliver,
    text_of,
)

Judge = Callable[[Contents], str | None]
Cost = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a search came to. ``verdict``: ``proved``, ``refuted``, ``stuck`` or ``undetermined``."""

    verdict: str
    schedule: tuple[Choice, ...] = ()
    claim: str = ""
    reason: str = ""
    schedules: int = 0
    states: int = 0
    runs: int = 0
    statements: int = 0
    wrong: int = 0
    """Of the schedules, how many end wrong; counted where `Search.count` looked at all of them."""
    line: tuple[str, int] | None = None
    first_bug: float = 0.0
    """Seconds after which the first wrong schedule was seen, by the clock on the wall; nothing depends on it."""


#: So many steps are carried out beyond the one that was asked for, while each is new.
_AHEAD = 60
#: A run that differs from what is remembered is made so often, and so often the search begins anew.
_LOOKS, _DOUBTS = 3, 2


#: So many states are looked at for the point of no return.
_MOST_ASKED = 2_000


class _Restart(Exception):
    """Something was learnt that states have to tell from now on."""


@dataclass(slots=True)
class _Known:
    """What is known of a state: the cheapest way to it, and what follows it."""

    parent: tuple[State, int] | None
    choice: Choice | None
    cost: Cost
    after: dict[Choice, State] | None = None


class _Effect(NamedTuple):
    """What a step did: to its process, to those whom it concerned, and to the store."""

    own: Standing
    others: tuple[Standing, ...]
    contents: int
    ghosts: tuple[Ghost, ...]
    past: int
    offers: tuple[tuple[str, int], ...]


@dataclass
class Search:
    """One search. ``at_end`` and ``at_any_time`` say what is wrong with contents; None where nothing is."""

    store: Store
    fresh: Callable[[int], Mapping[str, Any]]
    messages: Sequence[tuple[str, dict[str, Any]]]
    bounds: Bounds
    at_end: Judge
    at_any_time: Judge | None = None
    expected_dead: int = 0
    files: frozenset[str] = frozenset()
    seconds: float = 60.0
    both_hold: bool = False
    progress: Callable[[int], None] | None = None
    all_of_them: bool = False
    """Go on after the first counterexample, to count them."""
    look: Callable[[], None] = lambda: None
    """Called after each step that was carried out, while the store holds what the step has left."""

    table: Table = field(default_factory=Table)
    _doubts: int = 0

    def run(self) -> Outcome:
        """Search.

        Raises:
            EngineFailure: the store is gone.
            CannotCheck: a claim can't be evaluated.
        """
        outer = guards.source
        with guards.guarded():
            try:
                while True:
                    self._begin()
                    try:
                        return self._search()
                    except _Restart:
                        self.table.restart = False
                    except Indefinite as error:
                        return self._outcome("undetermined", reason=str(error), line=error.line)
            finally:
                self.live.abandon()
                guards.source = outer

    def replay(self, schedule: Sequence[Choice]) -> Run:
        """Carry out one schedule, and then whatever goes on by itself, without faults, to the end.

        Raises:
            BadSchedule: it asks for what can't happen.
        """
        from ..exploration.schedule import BadSchedule

        while True:
            try:
                return self._replay(schedule)
            except LookedTooEarly:
                self.store.more_time_for_rings()
            except InNoRing:
                raise BadSchedule("whoever is to be the victim of a deadlock waits, and nobody waits for it") from None

    def _replay(self, schedule: Sequence[Choice]) -> Run:
        from ..exploration.schedule import BadSchedule

        outer = guards.source
        with guards.guarded():
            self._begin()
            try:
                for number, choice in enumerate(schedule):
                    plain = choice._replace(how="", favoured=-1)
                    if plain not in self.choices(self.live.state):
                        raise BadSchedule(
                            f"choice {number + 1}, {text_of([choice])}, can't happen after "
                            f"{text_of(schedule[:number]) or 'nothing'}; what can are "
                            + (", ".join(text_of([c]) for c in self.choices(self.live.state)) or "none: it is over")
                        )
                    if number == 0:
                        self.live.start(schedule)
                    self.live.do(choice)
                    self.look()
                for _ in range(2000):
                    choices = [c for c in self.choices(self.live.state) if c.kind in (STEP, LAND)]
                    if not choices:
                        break
                    last = self.live.events[-1].process if self.live.events else -1
                    self.live.do(min(choices, key=lambda c: (c.process != last, c.kind == LAND, c.process)))
                    self.look()
                return self.live
            finally:
                guards.source = outer

    # -- what may happen -------------------------------------------------------------------------------

    def choices(self, state: State) -> list[Choice]:
        """What may happen next; whoever could be favoured is found out by carrying it out."""
        seen, queue = state
        found: list[Choice] = []
        for number, standing in enumerate(seen.processes):
            if standing.node < 0:
                if queue.waiting:
                    found.append(Choice(STEP, number))
                continue
            asks = self.table.asks[standing.node]
            if not standing.waits:
                found.append(Choice(STEP, number))
                if isinstance(asks, Ended) and asks.kind == "returned" and faults_left(queue, self.bounds, LOST):
                    found.append(Choice(LOST, number))
                if isinstance(asks, Statement) and asks.lands and faults_left(queue, self.bounds, SENT):
                    found.append(Choice(SENT, number))
            if faults_left(queue, self.bounds, CRASH):
                found.append(Choice(CRASH, number))
            if queue.held[number][1] and faults_left(queue, self.bounds, REDELIVER):
                found.append(Choice(REDELIVER, number))
        found += [Choice(LAND, ghost.owner) for ghost in _first_of_each(seen)]
        return found

    def _queue_after(self, state: State, choice: Choice) -> Queue:
        """What the queue knows after a choice."""
        seen, queue = state
        if choice.kind == REDELIVER:
            return redeliver(queue, choice.process)
        if choice.kind in (CRASH, SENT):
            return crash(queue, choice.process, choice.kind)
        if choice.kind == LAND:
            return queue
        node = seen.processes[choice.process].node
        if node < 0:
            return receive(queue, choice.process)
        asks = self.table.asks[node]
        if isinstance(asks, Ended):
            if asks.kind == "returned":
                return acknowledge(queue, choice.process, choice.kind == LOST)
            return give_back(queue, choice.process, asks.kind == "error")
        return queue

    # -- the search ------------------------------------------------------------------------------------

    def _begin(self) -> None:
        self.live = Run(
            self.store, self.fresh, self.messages, self.bounds, self.table, self.files, both_hold=self.both_hold
        )
        guards.source = self.live.source
        self._memo: dict[tuple[Any, ...], _Effect] = {}
        self._states: dict[tuple[State, int], _Known] = {}
        self._looked: set[int] = set()
        self._began, self._at = process_time(), time()
        self.live.start()
        self._path: tuple[Choice, ...] = ()
        self._first = self.live.state
        if self.table.restart:
            self.table.restart = False
            self.live.start()
            self._first = self.live.state
        assert self._first.queue == first_queue(len(self.messages), self.bounds, self.both_hold)

    def _search(self) -> Outcome:
        heap: list[tuple[Cost, int, tuple[State, int]]] = []
        start = (self._first, -1)
        self._states[start] = _Known(None, None, (0, 0, 0, 0))
        serial = 0
        heapq.heappush(heap, ((0, 0, 0, 0), 0, start))
        seen_first = 0.0
        while heap:
            cost, _, key = heapq.heappop(heap)
            known = self._states[key]
            if known.after is not None or cost != known.cost:
                continue
            state, last = key
            wrong = self._wrong_at_any_time(state)
            choices = self.choices(state) if wrong is None else []
            goes_on = [c for c in choices if c.kind in (STEP, LAND)]
            known.after = {}
            if not goes_on:
                wrong = wrong or self._wrong_at_end(state)
                if wrong is not None:
                    seen_first = seen_first or time() - self._at
                    if not self.all_of_them:
                        verdict = "stuck" if self._is_stuck(state) else "refuted"
                        return self._confirmed(verdict, self._way(key), wrong, seen_first)
                continue
            if process_time() - self._began > self.seconds:
                return self._outcome(
                    "undetermined", reason=f"{self.seconds:g} seconds of computing were not enough to search everything"
                )
            if self.progress is not None and len(self._states) % 50 == 0:
                self.progress(len(self._states))
            todo = choices[::-1]  # what is pushed last is looked at first
            while todo:
                choice = todo.pop(0)
                try:
                    after, offers = self._step(key, choice)
                except InNoRing:
                    continue
                if not choice.how:
                    todo += [choice._replace(how=how, favoured=name) for how, name in offers]
                step = Choice(choice.kind, choice.process, choice.how, choice.favoured)
                faults = cost[0] + (choice.kind in (CRASH, SENT, REDELIVER, LOST))
                own = cost[1] + (choice.kind in (CRASH, SENT))
                mover = choice.process if choice.kind in (STEP, LAND) else last
                switches = cost[2] + (last >= 0 and mover != last) + bool(choice.how)
                new = (after, mover)
                known.after[step] = after
                new_cost = (faults, own, switches, cost[3] + 1)
                found = self._states.get(new)
                if found is None or (found.after is None and new_cost < found.cost):
                    self._states[new] = _Known(key, step, new_cost)
                    serial -= 1
                    heapq.heappush(heap, (new_cost, serial, new))
        return self._finished(seen_first)

    def _step(self, key: tuple[State, int], choice: Choice) -> tuple[State, tuple[tuple[str, int], ...]]:
        """The state after a choice, and who else could have been favoured."""
        state = key[0]
        if choice.kind == REDELIVER:
            return State(state.seen, self._queue_after(state, choice)), ()
        if self._label_of(state, choice) not in self._memo:
            self._really(key, choice)
        return self._computed(state, choice)

    def _computed(self, state: State, choice: Choice) -> tuple[State, tuple[tuple[str, int], ...]]:
        """What follows a choice, where its effect is known."""
        concerned, label = self._concerned(state, choice)
        effect = self._memo[label]
        processes = list(state.seen.processes)
        processes[choice.process] = effect.own
        for number, standing in zip(concerned, effect.others, strict=True):
            before = processes[number]  # whoever did not wait has been told nothing
            processes[number] = standing if before.waits else before._replace(open=standing.open, waits=standing.waits)
        seen = state.seen
        if label[0] == "alone":
            seen = Seen(seen.contents, tuple(processes), seen.ghosts, seen.past)
        else:
            seen = Seen(effect.contents, tuple(processes), effect.ghosts, effect.past)
        return State(seen, self._queue_after(state, choice)), effect.offers

    def _label_of(self, state: State, choice: Choice) -> tuple[Any, ...]:
        return self._concerned(state, choice)[1]

    def _learn(self, before: State, choice: Choice, after: Seen, offers: tuple[tuple[str, int], ...]) -> None:
        """Remember the effect of a choice."""
        concerned, label = self._concerned(before, choice)
        self._memo[label] = _Effect(
            after.processes[choice.process],
            tuple(after.processes[n] for n in concerned),
            after.contents,
            after.ghosts,
            after.past,
            offers,
        )
        if self._computed(before, choice)[0].seen != after:
            raise Indefinite("a step changed what it had nothing to do with: the consumer is not deterministic")

    def _concerned(self, state: State, choice: Choice) -> tuple[list[int], tuple[Any, ...]]:
        """Whom a choice may concern besides its process, and all that its effect depends on.

        Whoever has no open transaction and does not wait is not concerned, and does not matter. To receive, and to end
        a delivery without an open transaction, concerns nobody else, nor the store. A plain read at a level without
        snapshots sees what is committed and its own transaction, whatever others have open.
        """
        seen = state.seen
        own = seen.processes[choice.process]
        asks = self.table.asks[own.node] if own.node >= 0 else None
        if choice.kind in (STEP, LOST, CRASH) and not own.open and not own.waits and not isinstance(asks, Statement):
            return [], ("alone", choice.kind == CRASH, own, self._label(state, choice))
        if choice.kind == CRASH and not own.open and not own.waits:
            return [], ("alone", True, own, -1)
        reads = choice.kind == STEP and isinstance(asks, Statement) and asks.kind == "read" and not own.waits
        if reads and self.store.merges and not self.store.keeps_snapshot and not self.store.counts_outside:
            return [], ("alone", False, own, seen.contents)
        concerned = [
            number
            for number, standing in enumerate(seen.processes)
            if number != choice.process and (standing.open or standing.waits)
        ]
        others = tuple(
            (s.open, s.waits, s.node if s.waits else 0) for s in (seen.processes[number] for number in concerned)
        )
        tells = bool(seen.ghosts) or not self.store.merges or any(s[1] for s in others)
        who = (choice.process, *concerned) if tells or choice.kind in (SENT, LAND, CRASH) or choice.how else ()
        what = (choice.kind, choice.how, choice.favoured)
        return concerned, ("all", what, who, own, seen.contents, others, seen.ghosts, seen.past)

    def _label(self, state: State, choice: Choice) -> int:
        """Which message it is that is received, and at which attempt, where handlers look at that."""
        if choice.kind != STEP or state.seen.processes[choice.process].node >= 0:
            return -1
        message = state.queue.waiting[0]
        return message + (1000 * (state.queue.attempts[message] + 1) if self.table.reads_attempt else 0)

    def _really(self, key: tuple[State, int], choice: Choice) -> None:
        """Carry a step out, and go on from there as long as something new comes."""
        way = self._way(key)
        while True:
            if self._path != way or choice.how == "%":
                self._go_to(way, choice)
            self._path = ()
            try:
                self._carry_out(key[0], choice)
                break
            except LookedTooEarly:
                self.store.more_time_for_rings()
        self._path = (*way, choice) if choice.how != "%" else ()
        for _ in range(_AHEAD if self._path else 0):
            state = self.live.state
            unknown = (
                c for c in self.choices(state) if c.kind != REDELIVER and self._label_of(state, c) not in self._memo
            )
            new = min(
                unknown, key=lambda c: (c.kind not in (STEP, LAND), c.process != self._path[-1].process), default=None
            )
            if new is None:
                break
            path, self._path = self._path, ()
            self._carry_out(state, new)
            self._path = (*path, new)

    def _carry_out(self, before: State, choice: Choice) -> None:
        self.live.do(choice)
        if self.live.unsupported is not None:
            raise Indefinite(f"the consumer uses what is not kept apart or played here: {self.live.unsupported}")
        if self.table.restart:
            raise _Restart
        if self.live.contents not in self._looked:
            self._looked.add(self.live.contents)
            self.look()
        self._learn(before, choice, self.live.state.seen, tuple(self.live.offers))

    def _go_to(self, way: tuple[Choice, ...], then: Choice) -> None:
        """Make the live run again, up to a state, and look whether it is as it was.

        Where it is not, the server was seen in a race that nobody could decide. If it agrees with itself from now on,
        what was remembered is thrown away; if it does not, nothing can be said.
        """
        expected = self._expected(way, (self._first, -1)) if way else None
        seen: list[State] = []
        while True:
            self.live.start((*way, then))
            try:
                for choice in way:
                    self.live.do(choice)
            except LookedTooEarly:
                self.store.more_time_for_rings()
                continue
            except Indefinite:
                if expected is None or len(seen) == _LOOKS - 1:
                    raise
                seen.append(self._first)
                continue
            if expected is None or self.live.state == expected:
                return
            seen.append(self.live.state)
            if len(seen) == _LOOKS:
                break
        self._doubts += 1
        if len(set(seen)) == 1 and self._doubts <= _DOUBTS:
            raise _Restart
        raise Indefinite(
            f"the schedule {text_of(way)}, carried out again, did not end in the same state: the consumer is not "
            "deterministic, or the server is not"
        )

    def _expected(self, way: tuple[Choice, ...], key: tuple[State, int]) -> State | None:
        state: State = key[0]
        last = key[1]
        for choice in way:
            known = self._states.get((state, last))
            if known is None or known.after is None or choice not in known.after:
                return None
            state = known.after[choice]
            last = choice.process if choice.kind in (STEP, LAND) else last
        return state

    def _way(self, key: tuple[State, int]) -> tuple[Choice, ...]:
        found: list[Choice] = []
        known = self._states[key]
        while known.parent is not None:
            assert known.choice is not None
            found.append(known.choice)
            known = self._states[known.parent]
        return tuple(reversed(found))

    def point_of_no_return(self, way: Sequence[Choice]) -> int | None:
        """How many choices of a schedule that ends wrong may be made until nothing can be right any more without a
        fault; 0: not even the first. None where that is not known."""
        key: tuple[State, int] = (self._first, -1)
        keys = [key]
        outer = guards.source
        with guards.guarded():
            guards.source = self.live.source
            try:
                for choice in way:
                    key = self._follow(key, choice)
                    keys.append(key)
                for number in range(len(keys) - 1, -1, -1):
                    can = self._can_end_right(keys[number])
                    if can is None:
                        return None
                    if can:
                        return number + 1
            except (Indefinite, InNoRing, _Restart):
                return None
            finally:
                guards.source = outer
        return 0

    def _follow(self, key: tuple[State, int], choice: Choice) -> tuple[State, int]:
        after = self._step(key, choice)[0]
        new = (after, choice.process if choice.kind in (STEP, LAND) else key[1])
        self._states.setdefault(new, _Known(key, choice, (99, 0, 0, len(self._states))))
        return new

    def _can_end_right(self, key: tuple[State, int]) -> bool | None:
        seen, todo = {key}, [key]
        while todo:
            here = todo.pop()
            if self._wrong_at_any_time(here[0]) is not None:
                continue
            choices = [c for c in self.choices(here[0]) if c.kind in (STEP, LAND)]
            if not choices and self._wrong_at_end(here[0]) is None:
                return True
            for choice in choices:
                new = self._follow(here, choice)
                if new not in seen:
                    seen.add(new)
                    todo.append(new)
            if len(seen) > _MOST_ASKED:
                return None
        return False

    # -- judging ---------------------------------------------------------------------------------------

    def _contents(self, state: State) -> Contents:
        found: Contents = self.table.contents.value(state.seen.contents)
        return found

    def _wrong_at_any_time(self, state: State) -> str | None:
        return None if self.at_any_time is None else self.at_any_time(self._contents(state))

    def _is_stuck(self, state: State) -> bool:
        queue = state.queue
        return queue.dead & ~self.expected_dead != 0 or (queue.done | queue.dead) != (1 << len(self.messages)) - 1

    def _wrong_at_end(self, state: State) -> str | None:
        queue = state.queue
        names = [identity for identity, _ in self.messages]
        for number, name in enumerate(names):
            bit = 1 << number
            if queue.dead & bit and not self.expected_dead & bit:
                return f"message {name} was put aside: its handler raised {TRIES_WORDS}"
            if not (queue.done | queue.dead) & bit:
                return f"message {name} is never acknowledged: nobody can go on"
        for number, name in enumerate(names):
            if self.expected_dead & 1 << number and not queue.dead & 1 << number:
                return f"message {name} was acknowledged, must reach the dead-letter queue"
        return self.at_end(self._contents(state))

    def _confirmed(self, verdict: str, way: tuple[Choice, ...], wrong: str, first: float) -> Outcome:
        """A counterexample is carried out once more before it is reported; with A as the first to do something, where
        that is as wrong."""
        renamed = _renamed(way, self.bounds.consumers)
        if renamed != way:
            try:
                self.live.start(renamed)
                for choice in renamed:
                    if choice._replace(how="", favoured=-1) not in self.choices(self.live.state):
                        break
                    self.live.do(choice)
                else:
                    self.look()
                    if not [c for c in self.choices(self.live.state) if c.kind in (STEP, LAND)]:
                        found = self._wrong_at_any_time(self.live.state) or self._wrong_at_end(self.live.state)
                        if found == wrong:
                            return self._outcome(verdict, schedule=renamed, claim=wrong, first_bug=first)
            except (Indefinite, KeyError, InNoRing, LookedTooEarly):
                pass
        self._go_to(way, way[-1])
        return self._outcome(verdict, schedule=way, claim=wrong, first_bug=first)

    def _finished(self, first: float) -> Outcome:
        """Everything was searched. Whoever can't come to an end without a fault is stuck."""
        merged: dict[State, set[State]] = {}
        whence: dict[State, set[State]] = {}
        free: dict[State, set[State]] = {}
        for (state, _), known in self._states.items():
            for choice, after in (known.after or {}).items():
                merged.setdefault(state, set()).add(after)
                if choice.kind in (STEP, LAND):
                    free.setdefault(state, set()).add(after)
                    whence.setdefault(after, set()).add(state)
            merged.setdefault(state, set())
        ends = [state for state in merged if not free.get(state)]
        reach, todo = set(ends), list(ends)
        while todo:
            for before in whence.get(todo.pop(), ()):
                if before not in reach:
                    reach.add(before)
                    todo.append(before)
        lost = [
            (known.cost, key) for key, known in self._states.items() if key[0] not in reach and known.after is not None
        ]
        if lost:
            _, key = min(lost)
            waiting = [p for p in key[0].seen.processes if p.waits]
            what = "all wait for one another" if len(waiting) > 1 else "it goes on in a circle"
            return self._outcome("stuck", schedule=self._way(key), claim=f"no run ends from here on: {what}")
        total, wrong = self._count()
        return self._outcome("proved" if not wrong else "refuted", schedules=total, wrong=wrong, first_bug=first)

    def _count(self) -> tuple[int, int]:
        """How many schedules there are, and how many of them end wrong. Going round a circle is counted once."""
        after: dict[State, dict[Choice, State]] = {}
        for (state, _), known in self._states.items():
            if known.after:
                after.setdefault(state, {}).update(known.after)
        memo: dict[State, tuple[int, int]] = {}
        on_way: set[State] = set()
        stack: list[tuple[State, bool]] = [(self._first, False)]
        while stack:
            state, leaving = stack.pop()
            if leaving:
                total = wrong = 0
                for following in after[state].values():
                    a, b = memo.get(following, (0, 0))
                    total, wrong = total + a, wrong + b
                memo[state] = (total, wrong)
                on_way.discard(state)
                continue
            if state in memo or state in on_way:
                continue
            following_all = after.get(state)
            if not following_all:
                bad = self._wrong_at_end(state) is not None or self._wrong_at_any_time(state) is not None
                memo[state] = (1, int(bad))
                continue
            on_way.add(state)
            stack.append((state, True))
            stack += [(s, False) for s in set(following_all.values()) if s not in memo]
        return memo[self._first]

    def _outcome(self, verdict: str, **more: Any) -> Outcome:
        ended = {state for (state, _), known in self._states.items() if known.after is not None}
        if "schedules" not in more:
            more["schedules"] = self.live.resets
        return Outcome(verdict, states=len(ended), runs=self.live.resets, statements=self.live.statements, **more)


TRIES_WORDS = "three times"


def _first_of_each(seen: Seen) -> list[Any]:
    """Of what dead processes had sent, what arrives first of each."""
    found: dict[int, Any] = {}
    for ghost in seen.ghosts:
        if not ghost.waits:
            found.setdefault(ghost.owner, ghost)
    return list(found.values())


def _renamed(way: Sequence[Choice], consumers: int) -> tuple[Choice, ...]:
    """The same schedule, consumers in the order in which they come."""
    order = list(dict.fromkeys([choice.process for choice in way] + list(range(consumers))))
    names = {old: new for new, old in enumerate(order)}

    def new(name: int) -> int:
        return name if name < 0 else names[name] if name < 100 else 100 + names[name - 100]

    return tuple(c._replace(process=names[c.process], favoured=new(c.favoured)) for c in way)
