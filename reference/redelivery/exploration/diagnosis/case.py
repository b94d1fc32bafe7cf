"""Reading a run for the rules of diagnosis: what each delivery did, and when that became durable."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ...simulation.choices import Choice
from ...simulation.operations import (
    CallService,
    DrawBytes,
    ReadAttempt,
    RedisCommand,
    RedisTransaction,
    SqlFailure,
    SqlResult,
    SqlStatement,
)
from ...simulation.process import Line
from ...simulation.sqlite_store import Contents
from ..replay import Event, Operation, Run
from ..scenario import Scenario
from ..schedule import BadSchedule
from ..source import Source
from ..stage import SERVICES


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """``line`` is (file, line number) in the learner's source; ``others`` are further lines that had a part."""

    name: str
    sentence: str
    line: Line | None = None
    others: tuple[Line, ...] = ()


@dataclass(slots=True)
class Delivery:
    """What one delivery did, as far as the rules ask."""

    number: int
    message: int
    process: str
    events: list[Event]
    operations: list[tuple[Event, Operation]]
    effect: tuple[Event, Operation] | None = None
    """The statement that changed an effect table."""
    effect_durable: int | None = None
    """The number of the event that committed it."""
    mark: tuple[Event, Operation] | None = None
    mark_durable: int | None = None
    check: tuple[Event, Operation] | None = None
    """The first statement that read a table of marks, before the delivery wrote one."""
    wrote: tuple[Event, Operation] | None = None
    """The last durable statement that wrote an effect table, even where nothing came of it."""
    wrote_durable: int | None = None
    net: dict[object, object] = field(default_factory=dict)
    """By how much the delivery changed what counts."""
    taken_back: bool = False
    """It had an effect and undid it itself."""
    end: str = ""
    """The kind of its last event."""

    @property
    def done(self) -> bool:
        """It had a durable effect, and left it so."""
        return self.effect_durable is not None and not self.taken_back


# -- reading the run ---------------------------------------------------------------------------------------


def deliveries_of(run: Run) -> list[Delivery]:
    found: dict[int, Delivery] = {}
    for event in run.events:
        if event.delivery < 0:
            continue
        delivery = found.get(event.delivery)
        if delivery is None:
            delivery = found[event.delivery] = Delivery(event.delivery, event.message, event.process, [], [])
        delivery.events.append(event)
        delivery.operations += [(event, operation) for operation in event.operations]
        if event.kind != "redeliver":
            delivery.end = event.kind
    _Notes(run, list(found.values())).take()
    return list(found.values())


def effects_of(run: Run) -> frozenset[str]:
    """The tables that hold the effect. Where the scenario does not say which: those that the closing calls read."""
    if run.scenario.effects:
        return run.scenario.effects
    return frozenset().union(*(operation.reads for operation in run.answering))


def is_redis(operation: Operation) -> bool:
    """Whether it is a command, or a transaction, of Redis."""
    return isinstance(operation.request, RedisCommand | RedisTransaction)


class _Notes:
    """Fills in when each delivery's effect and mark were written, and when they became durable.

    Where the learner chose the tables, a change that the closing calls answer to is an effect, and any other is a mark:
    one row may be first the one (a claim that does not count yet) and then the other.
    """

    def __init__(self, run: Run, deliveries: list[Delivery]) -> None:
        self.run = run
        self.deliveries = deliveries
        self.effects = effects_of(run)
        self.derived = not run.scenario.effects and bool(self.effects)
        self.marks = frozenset().union(*(o.writes for d in deliveries for _, o in d.operations)) - self.effects

    def take(self) -> None:
        """Fill in."""
        before = _observed(self.run.events[0], self.effects) if self.run.events else {}
        moves: dict[int, dict[object, object]] = {}
        for event in self.run.events:
            after = _observed(event, self.effects)
            if after != before:
                moves[event.number] = {
                    key: _minus(after.get(key), before.get(key))
                    for key in {**before, **after}
                    if after.get(key) != before.get(key)
                }
            before = after
        for delivery in self.deliveries:
            own = [moves[event.number] for event in delivery.events if event.number in moves]
            delivery.net = _sum(own)
            delivery.taken_back = len(own) > 1 and not delivery.net
            self._note(delivery, moves)

    def _note(self, delivery: Delivery, moves: dict[int, dict[object, object]]) -> None:
        pending: list[tuple[str, tuple[Event, Operation], bool]] = []
        claimed = False
        for event, operation in delivery.operations:
            told = operation.told
            if isinstance(operation.request, CallService):
                if operation.changed and SERVICES in self.effects:
                    delivery.effect = delivery.effect or (event, operation)
                    delivery.effect_durable = delivery.effect_durable or event.number
                    delivery.wrote, delivery.wrote_durable = (event, operation), event.number
                continue
            if isinstance(told, int | bytes) or not (
                is_redis(operation) or isinstance(operation.request, SqlStatement)
            ):
                continue
            found = event, operation
            changed = {name for name, _, _ in operation.changed} | operation.touched
            if isinstance(told, SqlResult) and told.rowcount > 0:
                changed |= operation.writes & self.effects  # a value may be written over by an equal one
            if changed & self.effects:
                pending.append(("effect", found, bool(operation.changed)))
                delivery.effect = delivery.effect or found
            if changed - self.effects:
                pending.append(("mark", found, True))
                delivery.mark = delivery.mark or found
            self._note_check(delivery, found, claimed)
            claimed = claimed or bool(operation.writes - self.effects or (operation.writes and not self.marks))
            if operation.committed:
                if self.derived:
                    pending = self._sort(delivery, pending, event.number in moves)
                for what, statement, _ in pending:
                    if what == "effect":
                        delivery.effect_durable = delivery.effect_durable or event.number
                    elif what == "mark":
                        delivery.mark_durable = delivery.mark_durable or event.number
                    if what != "mark":
                        delivery.wrote, delivery.wrote_durable = statement, event.number
            if is_redis(operation) or (isinstance(told, SqlResult | SqlFailure) and not told.in_transaction):
                pending.clear()

    def _note_check(self, delivery: Delivery, found: tuple[Event, Operation], claimed: bool) -> None:
        operation = found[1]
        if delivery.check is None and not claimed and not operation.writes:
            looks = operation.reads - self.effects if self.marks or not self.derived else operation.reads
            if looks:
                delivery.check = found

    @staticmethod
    def _sort(
        delivery: Delivery, pending: list[tuple[str, tuple[Event, Operation], bool]], moved: bool
    ) -> list[tuple[str, tuple[Event, Operation], bool]]:
        """What a commit made durable, by what the closing calls answer to."""
        if moved:
            if any(what == "effect" for what, _, _ in pending):
                return pending
            *rest, (_, last, changes) = pending or [("", delivery.operations[-1], True)]
            delivery.effect = delivery.effect or last
            return [*rest, ("effect", last, changes)]
        sorted_: list[tuple[str, tuple[Event, Operation], bool]] = []
        for what, found, changes in pending:
            if what == "effect":
                if delivery.effect is found:
                    delivery.effect = None
                if changes:
                    sorted_.append(("mark", found, True))
                    delivery.mark = delivery.mark or found
                sorted_.append(("wrote", found, changes))
            else:
                sorted_.append((what, found, changes))
        return sorted_


def _observed(event: Event, effects: frozenset[str]) -> dict[object, object]:
    """What a test of the effect would find after an event."""
    if event.answers is not None:
        return dict(enumerate(event.answers))
    return {
        (name, row[0]): _number(row[1] if isinstance(row[0], str) and len(row) == 3 else row[-1])
        for name, rows in event.contents
        if name in effects
        for row in rows
        if row
    }


def _number(value: object) -> object:
    return int(value) if isinstance(value, str) and value.removeprefix("-").isdigit() else value


def _minus(after: object, before: object) -> object:
    if isinstance(after, int | None) and isinstance(before, int | None):
        return (after or 0) - (before or 0)
    return after, before


def _sum(moves: list[dict[object, object]]) -> dict[object, object]:
    total: dict[object, object] = {}
    for move in moves:
        for key, value in move.items():
            known = total.get(key, 0)
            total[key] = known + value if isinstance(known, int) and isinstance(value, int) else value
    return {key: value for key, value in total.items() if value != 0}


def at(found: tuple[Event, Operation] | None) -> Line | None:
    return None if found is None else found[1].line or found[0].line


def words(line: Line | None) -> str:
    return f"line {line[1]}" if line else "the code"


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def last_line(deliveries: Sequence[Delivery]) -> Line | None:
    for delivery in reversed(deliveries):
        for event in reversed(delivery.events):
            if event.line:
                return event.line
    return None


def asked_attempt(delivery: Delivery) -> Line | None:
    return next((o.line for _, o in delivery.operations if isinstance(o.request, ReadAttempt | DrawBytes)), None)


def lines_of(*lines: Line | None) -> tuple[Line, ...]:
    return tuple(dict.fromkeys(line for line in lines if line))


def failure_of(operation: Operation) -> SqlFailure | None:
    return operation.told if isinstance(operation.told, SqlFailure) else None


UNFINISHED = {"crash": "crashed", "give back": "gave up", "dead letter": "gave up"}


def _keys(contents: Contents) -> set[object]:
    return {(name, row[0]) for name, rows in contents for row in rows if row}


def _parts(name: str, rows: tuple[tuple[object, ...], ...], redis: bool) -> set[tuple[str, tuple[object, ...]]]:
    """What rows say apart from values: a Redis hash has a part for each field, a set one for each member."""
    if not redis:
        return {(name, row) for row in rows}
    found: set[tuple[str, tuple[object, ...]]] = set()
    for key, value, *_ in rows:
        if not isinstance(value, tuple):
            found.add((name, (key,)))
        else:
            found |= {(name, (key, part[0] if isinstance(part, tuple) else part)) for part in value}
    return found


def added(operation: Operation) -> set[tuple[str, tuple[object, ...]]]:
    """The rows (Redis: keys, fields, members) that were not there before."""
    redis = is_redis(operation)
    return set().union(*(_parts(n, new, redis) - _parts(n, old, redis) for n, old, new in operation.changed))


def gone(operation: Operation) -> set[tuple[str, tuple[object, ...]]]:
    """The rows (Redis: keys, fields, members) that are there no more."""
    redis = is_redis(operation)
    return set().union(*(_parts(n, old, redis) - _parts(n, new, redis) for n, old, new in operation.changed))


@dataclass(slots=True)
class Case:
    """What the rules look at: the run that went wrong, an undisturbed run, and the learner's source."""

    run: Run
    deliveries: list[Delivery]
    undisturbed: list[Delivery]
    source: Source
    again: Callable[[Sequence[Choice], Scenario], Run] | None = None
    """Carries out another schedule of the same answer."""

    def what_if(self, schedule: Sequence[Choice], scenario: Scenario | None = None) -> Run | None:
        """The run that another schedule gives (or another scenario); None where it can't be made."""
        try:
            return self.again(schedule, scenario or self.run.scenario) if self.again else None
        except BadSchedule:
            return None

    def who(self, message: int) -> str:
        """How a sentence calls a message."""
        return f"message {self.run.scenario.messages[message][0]}"

    def of(self, message: int) -> list[Delivery]:
        """The deliveries of one message."""
        return [d for d in self.deliveries if d.message == message]

    @property
    def did(self) -> str:
        """What a sentence says of a message that had its effect."""
        return self.run.scenario.did

    @property
    def effects(self) -> frozenset[str]:
        """The tables that hold the effect."""
        return effects_of(self.run)

    def intents(self) -> list[list[int]]:
        """The messages, those together that ask for the same thing once."""
        scenario, found = self.run.scenario, dict[object, list[int]]()
        for number, (identity, body) in enumerate(scenario.messages):
            found.setdefault(scenario.intent(identity, body) if scenario.intent else number, []).append(number)
        return list(found.values())

    def expiries(self) -> list[tuple[Event, frozenset[object]]]:
        """When time passed, and the Redis keys that were gone afterwards."""
        found = []
        for before, event in itertools.pairwise(self.run.events):
            if event.kind == "time":
                gone = _keys(before.contents) - _keys(event.contents)
                found.append((event, frozenset(gone)))
        return found

    def claims(self, delivery: Delivery) -> list[tuple[Event, Operation]]:
        """Statements that wrote, or tried to write, a table of marks."""
        return [(e, o) for e, o in delivery.operations if o.writes - self.effects]

    def marks(self, delivery: Delivery) -> frozenset[str]:
        """The values that the delivery added to tables of marks."""
        found: set[str] = set()
        for _, operation in delivery.operations:
            if is_redis(operation):
                found |= {"/".join(map(str, key)) for name, key in added(operation) if name not in self.effects}
                continue
            for name, _, new in operation.changed:
                if name not in self.effects:
                    found |= {str(value) for row in new for value in (row[1:] if len(row) > 1 else row)}
        return frozenset(found)

    def keeps(self, delivery: Delivery) -> bool:
        """Whether something that the delivery marked is left when it has ended."""
        left: set[tuple[str, tuple[object, ...]]] = set()
        for _, operation in delivery.operations:
            left = (left - gone(operation)) | added(operation)
        return any(name not in self.effects for name, _ in left)

    @property
    def releases(self) -> bool:
        """Whether an undisturbed delivery takes back something that it had marked."""
        for delivery in self.undisturbed:
            for _, operation in delivery.operations:
                if is_redis(operation):
                    if any(name not in self.effects for name, _ in gone(operation)):
                        return True
                elif any(name not in self.effects and rows for name, rows, _ in operation.changed):
                    return True
        return False

    @property
    def locks(self) -> frozenset[object]:
        """The Redis keys that an undisturbed delivery sets and deletes, while it leaves a mark beside them."""
        found: set[object] = set()
        for delivery in self.undisturbed:
            if self.keeps(delivery):
                released = {(n, p[0]) for _, o in delivery.operations if is_redis(o) for n, p in gone(o)}
                left = {(n, p[0]) for _, o in delivery.operations if is_redis(o) for n, p in added(o)}
                found |= {key for key in released & left if key[0] not in self.effects}
        return frozenset(found)

    def lasting_marks(self, delivery: Delivery) -> list[tuple[Event, Operation]]:
        """Where a delivery marked something in Redis under another key than a lock's."""
        return [
            (event, operation)
            for event, operation in delivery.operations
            if is_redis(operation)
            and any(name not in self.effects and (name, part[0]) not in self.locks for name, part in added(operation))
        ]

    @property
    def remembers(self) -> bool:
        """Whether some process remembered something after a delivery."""
        return self.run.remembers or bool(self.run.memory_deliveries)

    def memory_line(self) -> Line | None:
        """Where the memory is looked at."""
        ran = {line for event in self.run.events for operation in event.operations for line in operation.stack}
        return self.source.use_of(self.run.remembering, ran)

    def memory_name(self) -> str:
        """What a sentence calls the memory."""
        names = sorted(self.run.remembering)
        return f"`{names[0]}`" if len(names) == 1 else "the memory"


def raise_line(deliveries: Sequence[Delivery]) -> Line | None:
    """Where the last exception left the learner's code."""
    for delivery in reversed(deliveries):
        if delivery.end in ("give back", "dead letter"):
            return delivery.events[-1].raised_line or last_line([delivery])
    return None


Rule = Callable[[Case], Diagnosis | None]
