"""Where each effect came from: what every message has left in the stores, and from which step on that is wrong.

Effects are seen in what is committed, not in statements: whoever's step changed a row made what is new in it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from ..exploration.replay import Event, Run
from ..exploration.scenario import Must
from ..simulation.calls import Role
from ..simulation.operations import RedisCommand, RedisTransaction, SqlResult, SqlStatement, Value
from ..simulation.sqlite_store import Contents

Row = tuple[Value, ...]
#: Tables that say how a scenario is judged, not what a store holds.
INNER = frozenset({"faults", "redis kinds", "sqlite_sequence"})
_MOST_AMOUNT, _MOST_LATE = 12, 6


@dataclass(frozen=True, slots=True)
class Coin:
    """What one delivery of one message left in one row."""

    table: str
    row: str
    """The first value of the row, as text."""
    amount: str
    """By how much a number grew, such as ``100`` or ``-30``; empty where the row is the effect."""
    message: str
    """Its id; empty where nobody's message made it."""
    process: str
    step: int
    again: bool = False
    """Another delivery of the same message had left one there already."""
    overwritten: bool = False
    """Somebody wrote over it without having seen it."""


@dataclass(frozen=True, slots=True)
class Marks:
    """What can be said of the stores after each step; the first entry is before all steps."""

    coins: tuple[tuple[Coin, ...], ...]
    wrong_from: int | None
    """The number of the first step from which on what is wrong at the end is so; None: it isn't."""
    musts: tuple[tuple[Must, ...], ...]
    """From there on: what should be seen instead of what is."""


def marks_of(run: Run, fate: Run | None = None) -> Marks:
    """What is to be said of ``run``; ``fate``: the same run, carried on to its end, where it is not at its own."""
    whole = fate or run
    coins = _coins(whole)
    wrong_from, musts = _wrong(whole, coins)
    count = len(run.events) + 1
    return Marks(coins[:count], wrong_from if wrong_from is not None and wrong_from < count else None, musts[:count])


def intent_of(run: Run, message: int) -> object:
    """What a message asks for: two of one intent must have one effect."""
    identity, body = run.scenario.messages[message]
    return run.scenario.intent(identity, body) if run.scenario.intent is not None else message


def _coins(run: Run) -> tuple[tuple[Coin, ...], ...]:
    now: list[tuple[Coin, object]] = []
    shown: list[tuple[Coin, ...]] = [()]
    before = run.first
    for event in run.events:
        if event.contents != before or any(o.committed for o in event.operations):
            now = _after(run, event, before, now)
            before = event.contents
        shown.append(tuple(coin for coin, _ in now))
    return tuple(shown)


def _after(run: Run, event: Event, before: Contents, now: list[tuple[Coin, object]]) -> list[tuple[Coin, object]]:
    """The coins after one step, each with whose delivery it is from."""
    old, new = dict(before), dict(event.contents)
    found = list(now)
    # A sender's packet may be delivered many times; what a receiver does is told apart by the step that it begins with.
    maker = (event.message, event.delivery if event.packet < 0 else _arrival(run, event))
    for table in dict.fromkeys([*old, *new]):
        if table in INNER:
            continue
        earlier, later = _by_key(old.get(table, ())), _by_key(new.get(table, ()))
        gone = set(earlier) - set(later)
        found = [one for one in found if one[0].table != table or one[0].row not in gone]
        overwritten = _overwritten(run, event, table, later)
        for key, row in later.items():
            if earlier.get(key) == row and key not in overwritten:
                continue
            amount = _amount(run, event, earlier.get(key), row) if _counts(run, table) else ""
            believed = _believed(run, event, table, row, earlier.get(key), amount) if _counts(run, table) else None
            if believed is not None:
                amount, since = believed
                found = [
                    (replace(c, overwritten=True), m)
                    if (c.table, c.row) == (table, key) and c.step > since and m != maker
                    else (c, m)
                    for c, m in found
                ]
            elif earlier.get(key) == row:
                continue
            if table == "performed":  # how often is a number, too, but nothing to be paid with
                amount = ""
            found = _with(run, event, found, maker, table, key, amount, key not in earlier)
    return found


def _with(
    run: Run,
    event: Event,
    coins: list[tuple[Coin, object]],
    maker: tuple[int, int],
    table: str,
    key: str,
    amount: str,
    is_new: bool,
) -> list[tuple[Coin, object]]:
    """``coins``, and what this step left in a row; what one delivery leaves there in several steps is one coin."""
    message = run.scenario.messages[event.message][0] if event.message >= 0 else ""
    for place, (coin, whose) in enumerate(coins):
        if (coin.table, coin.row) == (table, key) and whose == maker and event.message >= 0:
            both = _sum(coin.amount, amount)
            return [*coins[:place], (replace(coin, amount=both), whose), *coins[place + 1 :]]
    again = event.message >= 0 and any(
        isinstance(whose, tuple)
        and whose != maker
        and whose[0] >= 0
        and intent_of(run, whose[0]) == intent_of(run, event.message)
        and coin.table == table
        # A second row is a second effect where rows are effects; elsewhere two messages may well have a row each.
        and (coin.row == key or (is_new and table in run.scenario.effects))
        and _counts(run, table)
        for coin, whose in coins
    )
    return [*coins, (Coin(table, key, amount, message, event.process, event.number, again), maker)]


def _counts(run: Run, table: str) -> bool:
    """Whether a table may hold effects; where nobody says which do, any may."""
    return table in run.scenario.effects or not run.scenario.effects


def _arrival(run: Run, event: Event) -> int:
    """The number of the step with which the call began that this one belongs to."""
    began = (e.number for e in reversed(run.events[: event.number]) if e.process == event.process)
    return next(
        (n for n in began if run.events[n - 1].kind in ("packet", "start", "receive")),
        event.number,
    )


def _by_key(rows: Sequence[Row]) -> dict[str, Row]:
    found: dict[str, Row] = {}
    for row in rows:
        key = _text(row[0]) if row else ""
        while key in found:  # equal rows are told apart by their order
            key += "′"
        found[key] = row
    return found


def row_keys(rows: Sequence[Row]) -> list[str]:
    """By what coins name the rows of a table."""
    return list(_by_key(rows))


def _text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _number(value: object) -> int | float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value
    if isinstance(value, str | bytes) and len(value) < 20:
        text = _text(value)
        return int(text) if text.removeprefix("-").isdecimal() else None
    return None


def _shown(value: float) -> str:
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text if len(text) <= _MOST_AMOUNT else text[: _MOST_AMOUNT - 1] + "…"


def _sum(one: str, other: str) -> str:
    first, second = _number(one), _number(other)
    return _shown(first + second) if first is not None and second is not None else other or one


def _asked(run: Run, event: Event) -> tuple[int | float, ...]:
    """The numbers that the message speaks of, amounts first."""
    if event.message < 0:
        return ()
    body = run.scenario.messages[event.message][1]
    values = [body[name] for name in sorted(body, key=lambda name: name != "amount")]
    return tuple(n for value in values if (n := _number(value)) is not None)


def _amount(run: Run, event: Event, before: Row | None, row: Row) -> str:
    """By how much a number in a row grew: the one that grew by what the message asks for, else the first."""
    asked = [abs(n) for n in _asked(run, event)[:1]]
    if before is None:  # a new row is worth what the message says, where it says so
        return next((_shown(n) for value in row[1:] if (n := _number(value)) is not None and abs(n) in asked), "")
    if len(before) != len(row):
        return ""
    grown = [
        new - old
        for a, b in zip(before[1:], row[1:], strict=True)
        if (old := _number(a)) is not None and (new := _number(b)) is not None and new != old
    ]
    wanted = [n for n in grown if abs(n) in asked]
    best = next(iter(wanted or grown), None)
    return "" if best is None else _shown(best)


def _overwritten(run: Run, event: Event, table: str, later: Mapping[str, Row]) -> frozenset[str]:
    """Rows that a commit of this process wrote, though they hold the same as before."""
    if not _counts(run, table) or event.message < 0:
        return frozenset()
    committed = any(o.committed for o in event.operations)
    if not committed:
        return frozenset()
    for operation in _since(run, event, _transaction_began(run, event)):
        if table in operation.writes and _changed_something(operation.told):
            values = _parameters(operation.request)
            return frozenset(key for key in later if key in values or len(later) == 1)
    return frozenset()


def _changed_something(told: object) -> bool:
    return not isinstance(told, SqlResult) or told.rowcount > 0


def _parameters(request: object) -> frozenset[str]:
    if isinstance(request, SqlStatement):
        values = [v[1] for v in request.parameters] if request.named else request.parameters
        return frozenset(map(_text, values))
    if isinstance(request, RedisCommand):
        return frozenset(map(_text, request.arguments))
    if isinstance(request, RedisTransaction):
        return frozenset(_text(word) for command in request.commands for word in command)
    return frozenset()


def _mine(run: Run, event: Event) -> list[Event]:
    """The steps of the same process and delivery up to this one."""
    found = [e for e in run.events[: event.number] if e.process == event.process and e.delivery == event.delivery]
    return [e for e in found if e.number >= _arrival(run, event)]


def _transaction_began(run: Run, event: Event) -> int:
    number = event.number
    for earlier in reversed(_mine(run, event)[:-1]):
        if not earlier.in_transaction or any(o.committed for o in earlier.operations):
            break
        number = earlier.number
    return number


def _since(run: Run, event: Event, number: int):  # type: ignore[no-untyped-def]
    return [o for e in _mine(run, event) if e.number >= number for o in e.operations]


def _believed(run: Run, event: Event, table: str, row: Row, before: Row | None, amount: str) -> tuple[str, int] | None:
    """Where a process wrote a number that it had worked out from one that was there before somebody else's change: by
    how much it meant to change it, and in which step it had read it."""
    asked = [abs(n) for n in _asked(run, event)[:1]]
    if before is None or not asked or ((number := _number(amount)) is not None and abs(number) in asked):
        return None
    for earlier in reversed(_mine(run, event)):
        for operation in earlier.operations:
            if table not in operation.reads or operation.writes or not isinstance(operation.told, SqlResult):
                continue
            read = [n for values in operation.told.rows for v in values if (n := _number(v)) is not None]
            for old in read:
                for value in row[1:]:
                    new = _number(value)
                    if new is not None and abs(new - old) in asked and new != old:
                        return _shown(new - old), earlier.number
            return None
    return None


# -- what is wrong, and since when -------------------------------------------------------------------------


def _wrong(run: Run, coins: Sequence[Sequence[Coin]]) -> tuple[int | None, tuple[tuple[Must, ...], ...]]:
    none: tuple[tuple[Must, ...], ...] = ((),) * (len(run.events) + 1)
    if run.wrong is None or not run.events:
        return None, none
    off = _off(run, coins)
    start = len(off)
    while start > 0 and off[start - 1]:
        start -= 1
    # As long as all can still end well, what is otherwise than it must be is half done.
    start = max(start, run.point_of_no_return or 0)
    if 0 < start < len(off):
        return start, tuple(found if place >= start else () for place, found in enumerate(off))
    start = _judged_since(run)
    return start, none


def _off(run: Run, coins: Sequence[Sequence[Coin]]) -> list[tuple[Must, ...]]:
    """After each step: what is otherwise than it must be, of the messages that are done then."""
    expected = run.scenario.musts
    if expected is None:
        return []
    messages = list(run.scenario.messages)
    shows: dict[str, Callable[[Contents], str]] = dict(run.scenario.watched)
    found: list[tuple[Must, ...]] = []
    for place, left in enumerate([*coins]):
        event = run.events[place - 1] if place else None
        # Done is what has left something where effects are, and what the queue will not deliver again.
        names = {c.message for c in left if c.message and _counts(run, c.table)}
        bits = event.state.acknowledged if event is not None and event.state is not None else 0
        done = [m for n, m in enumerate(messages) if m[0] in names or (bits >> n & 1 and not run.scenario.packets)]
        if place == len(run.events) and run.ended:
            done = messages
        contents = event.contents if event is not None else run.first
        values = {
            must: _answer(run, event, must)
            if must.table == "answers"
            else shows[must.title](contents)
            if must.title in shows
            else None
            for must in expected(done)
        }
        off = tuple(must for must, value in values.items() if value is not None and not _same(value, must.text))
        if off and run.scenario.is_late:
            some = itertools.chain.from_iterable(itertools.combinations(messages, n) for n in range(len(messages) + 1))
            if len(messages) > _MOST_LATE or any(
                all(_same(values[must] or "", other.text) for must, other in zip(values, expected(which), strict=True))
                for which in some
            ):
                off = ()
            else:  # no part of what has come gives this: what all of it would give is shown
                come = {e.message for e in run.events[:place] if e.delivery >= 0}
                shown = {must.title: must for must in expected([m for n, m in enumerate(messages) if n in come])}
                off = tuple(shown.get(must.title, must) for must in off)
        found.append(off)
    return found


def _same(one: str, other: str) -> bool:
    """Whether two texts say the same, whatever the order of their words."""
    return sorted(one.split()) == sorted(other.split())


def _answer(run: Run, event: Event | None, must: Must) -> str | None:
    """What a closing call would answer after a step; None where that isn't known."""
    if event is None or not event.answers:
        return None
    names = [str(call) for call in run.scenario.closing]
    place = names.index(str(must.key)) if must.key in names else 0
    return str(event.answers[place]) if place < len(event.answers) else None


def _judged_since(run: Run) -> int:
    """As far as the scenario's own judge can tell: since when the contents have been wrong without a break, where they
    had been right before; the last step otherwise."""
    place = len(run.events)
    if not run.scenario.closing:
        while place > 1 and run.scenario.judge(run.events[place - 2].contents) is not None:
            place -= 1
        if place > 1:
            return place
    if run.point_of_no_return and _is_role(run, Role.LOOP):
        return run.point_of_no_return
    return len(run.events)


def _is_role(run: Run, role: Role) -> bool:
    return role in run.scenario.roles(run.scenario.bounds)
