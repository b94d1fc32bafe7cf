"""Rules for updates that are conditional on a version.

A table holds rows (key, value, version); a message names the row and its version, and asks either for a change of
the value, whose turn has come when the versions agree, or for a new state, which wins over lower versions. The first
durable change that was not right, or the first acknowledgement of a message that was still needed, is what the run
went wrong by; all else follows from it.

What a statement's condition lets pass is found out by trying: it is carried out on rows of other versions and
values, in a database of its own.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

from ...simulation.operations import SqlResult, SqlStatement
from ...simulation.process import Line
from ...simulation.sqlite_statements import first_keyword
from ...simulation.sqlite_store import Contents, rows_of
from ..replay import Event, Operation
from .case import (
    UNFINISHED,
    Case,
    Delivery,
    Diagnosis,
    Rule,
    asked_attempt,
    at,
    capital,
    failure_of,
    last_line,
    lines_of,
    raise_line,
    words,
)
from .records import RULES as RECORDS

Found = tuple[Event, Operation]


#: Of more versions than this only those are tried that occur, and their neighbours.
_MOST_TRIED = 100


class _Row(NamedTuple):
    value: Any
    version: Any


class _Asked(NamedTuple):
    """What a message asks for: ``amount`` for a change, ``state`` for a state."""

    key: Any
    version: int
    amount: int | None
    state: Any
    balance: Any

    @property
    def is_change(self) -> bool:
        return self.amount is not None

    def fits(self, row: _Row | None) -> bool:
        """Whether it is the message's turn."""
        if row is None or not isinstance(row.version, int):
            return False
        return bool(row.version == self.version if self.is_change else row.version < self.version)

    def after(self, row: _Row) -> _Row | None:
        """What must be there once the message has been applied to ``row``."""
        if self.amount is None:
            return _Row(self.state, self.version)
        whole = isinstance(row.value, int) and isinstance(row.version, int)
        return _Row(row.value + self.amount, row.version + 1) if whole else None

    def is_too_late(self, row: _Row | None) -> bool:
        """Whether the message is a stale one."""
        if row is None or not isinstance(row.version, int):
            return False
        return bool(row.version > self.version or (not self.is_change and row.version == self.version))


class _Change(NamedTuple):
    """What one commit changed in the row of a message: the statements before it that wrote the table."""

    event: Event
    written: tuple[Found, ...]
    before: _Row | None
    after: _Row | None

    @property
    def is_half(self) -> bool:
        """Value without version, version without value, or a row that is gone for a while."""
        if self.before is None or self.after is None:
            return True
        return bool((self.before.value != self.after.value) != (self.before.version != self.after.version))


@dataclass(slots=True)
class _Work:
    """What a delivery did to the table."""

    delivery: Delivery
    changes: list[_Change]
    foreign: list[tuple[Found, Any]]
    """Statements that changed rows of others for good, and a key of these."""

    @property
    def first(self) -> int:
        return self.changes[0].event.number

    @property
    def whole(self) -> _Change:
        """All its changes taken together."""
        first, last = self.changes[0], self.changes[-1]
        return _Change(first.event, first.written, first.before, last.after)


class _View:
    """A run, read as one of versions."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.scenario = case.run.scenario
        (self.table,) = self.scenario.effects
        self.contents: dict[int, Contents] = {0: case.run.first}
        for event in case.run.events:
            self.contents[event.number] = event.contents
        self.works = [self.work_of(delivery, self.contents) for delivery in case.deliveries]

    def asked(self, message: int) -> _Asked:
        body = self.scenario.messages[message][1]
        state = body.get("address")
        return _Asked(body[self.table], body["version"], body.get("amount"), state, body.get("balance"))

    def row(self, contents: Contents, key: Any) -> _Row | None:
        rows = (row for row in rows_of(contents, self.table) if len(row) > 2 and row[0] == key)
        return next((_Row(*row[1:3]) for row in rows), None)

    def stored(self, event: Event, message: int) -> _Row | None:
        """The message's row as it was stored after an event."""
        return self.row(event.contents, self.asked(message).key)

    def work_of(self, delivery: Delivery, contents: dict[int, Contents]) -> _Work:
        work = _Work(delivery, [], [])
        key = self.asked(delivery.message).key
        written: list[Found] = []
        for event in delivery.events:
            earlier = contents.get(event.number - 1, ())
            for operation in event.operations:
                if self.table in operation.writes:
                    written.append((event, operation))
            if event.contents != earlier and written:
                before, after = self.row(earlier, key), self.row(event.contents, key)
                if before != after:
                    changing = [(e, o) for e, o in written if any(name == self.table for name, _, _ in o.changed)]
                    work.changes.append(_Change(event, tuple(changing or written), before, after))
                old, new = ({row[:3] for row in rows_of(c, self.table)} for c in (earlier, event.contents))
                others = {row[0] for row in old ^ new if row[0] != key}
                if others:
                    work.foreign.append((written[-1], min(others, key=str)))
            last = event.operations[-1].told if event.operations else None
            if isinstance(last, SqlResult) and not last.in_transaction:
                written = []
        return work

    @property
    def tears(self) -> bool:
        """Whether deliveries make their changes in more than one transaction."""
        works = list(self.works)
        number, contents = 0, {0: self.case.run.first}
        for event in sorted((e for d in self.case.undisturbed for e in d.events), key=lambda e: e.number):
            number = event.number
            contents[number] = event.contents
        works += [self.work_of(delivery, contents) for delivery in self.case.undisturbed]
        return any(len(work.changes) > 1 for work in works)

    def looks(self, delivery: Delivery, before: int) -> list[Found]:
        """What in the delivery read the table and changed nothing, in steps before ``before``."""
        found = []
        for event, operation in delivery.operations:
            told = operation.told
            if event.number >= before or not isinstance(told, SqlResult) or self.table not in operation.reads:
                continue
            if self.table not in operation.writes or (told.rowcount == 0 and not operation.changed):
                found.append((event, operation))
        return found

    # -- what a statement's condition lets pass --------------------------------------------------------

    def result(self, operation: Operation, key: Any, row: _Row) -> _Row | None:
        """What the statement would make of a row; None: there is no saying."""
        request = operation.request
        if not isinstance(request, SqlStatement):
            return None
        with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection, suppress(sqlite3.Error):
            self.scenario.prepare(connection)
            names = [column[1] for column in connection.execute(f"PRAGMA table_info({self.table})")]
            change = f"UPDATE {self.table} SET {names[1]} = ?, {names[2]} = ? WHERE {names[0]} = ?"
            connection.execute(change, (*row, key))
            given = dict(request.parameters) if request.named else request.parameters
            connection.execute(request.sql, given).fetchall()
            look = f"SELECT {names[1]}, {names[2]} FROM {self.table} WHERE {names[0]} = ?"
            return _Row(*(connection.execute(look, (key,)).fetchone() or (None, None)))
        return None

    def passing(self, operation: Operation, asked: _Asked, row: _Row) -> tuple[set[int], set[int]] | None:
        """The versions with which the row would be changed, and those that were tried."""
        stored = [found.version for c in self.contents.values() if (found := self.row(c, asked.key))]
        known = [v for v in stored if isinstance(v, int)]
        known += [body["version"] for _, body in self.scenario.messages]
        tried = set(range(min(known) - 1, max(known) + 3))
        if len(tried) > _MOST_TRIED:
            tried = {version + more for version in known for more in (-1, 0, 1, 2)}
        value = row.value if asked.is_change else f"not {asked.state}"
        passing = set()
        for version in tried:
            before = _Row(value, version)
            after = self.result(operation, asked.key, before)
            if after is None:
                return None
            if after != before:
                passing.add(version)
        return passing, tried

    def depends_on_value(self, operation: Operation, asked: _Asked, row: _Row) -> bool:
        if not isinstance(row.value, int):
            return False
        other = _Row(row.value + 1, row.version)
        return self.result(operation, asked.key, row) != row and self.result(operation, asked.key, other) == other

    def sets_value(self, operation: Operation, asked: _Asked, row: _Row) -> bool:
        """Whether the value that the statement writes is another one than what is stored, and made without it."""
        if not isinstance(row.value, int):
            return False
        made = [self.result(operation, asked.key, _Row(row.value + more, row.version)) for more in (1, 2)]
        return None not in made and made[0] == made[1]

    def named(self, message: int) -> str:
        return f"{self.case.who(message)} (version {self.asked(message).version})"

    def quote(self, row: _Row | None) -> str:
        if row is None:
            return "no row"
        what = "balance" if self.table == "account" else "address"
        return f"{what} {row.value} with version {row.version}"


# -- what the run went wrong by ----------------------------------------------------------------------------


def _first_wrong(case: Case) -> Diagnosis | None:
    if len(case.run.scenario.effects) != 1:
        return None
    view = _View(case)
    found: list[tuple[int, Diagnosis]] = [*_wrong_changes(view), *_lost_messages(view)]
    return min(found, key=lambda pair: pair[0])[1] if found else None


def _wrong_changes(view: _View) -> Iterator[tuple[int, Diagnosis]]:
    tears = view.tears
    for work in view.works:
        for (event, operation), key in work.foreign:
            yield event.number, _foreign(view, work, operation, key)
        if not work.changes:
            continue
        asked, whole = view.asked(work.delivery.message), work.whole
        right = asked.fits(whole.before) and whole.before is not None and whole.after == asked.after(whole.before)
        if tears and (torn := _torn(view, work, right)):
            yield work.first, torn
        elif not right and whole.before != whole.after:
            yield work.first, _why_wrong(view, work, whole)


def _foreign(view: _View, work: _Work, operation: Operation, key: Any) -> Diagnosis:
    message = work.delivery.message
    return Diagnosis(
        "wrong-effect",
        f"{capital(words(operation.line))} changed {view.table} {key} for {view.case.who(message)}, which is about "
        f"{view.table} {view.asked(message).key}.",
        operation.line,
    )


def _torn(view: _View, work: _Work, right: bool) -> Diagnosis | None:
    """Whether something came between the two halves."""
    delivery, (event, written, before, after) = work.delivery, work.changes[0]
    if not work.changes[0].is_half or not written:
        return None
    tries = [(e, o) for e, o in delivery.operations if view.table in o.writes and e.number > event.number]
    ended = delivery.end in UNFINISHED
    until = delivery.events[-1].number if ended or not tries else tries[-1][0].number
    between = next(
        (
            e
            for e in view.case.run.events
            if event.number < e.number < until
            and e.delivery not in (-1, delivery.number)
            and any(view.table in o.reads | o.writes for o in e.operations)
        ),
        None,
    )
    which = "the version" if before and after and before.version != after.version else f"the {_value(view)}"
    other = f"the {_value(view)}" if which == "the version" else "the version"
    line = at(written[-1])
    who = view.named(delivery.message)
    if ended and len(work.changes) == 1:
        return Diagnosis(
            "torn-update",
            f"{capital(words(line))} made {which} of {who} durable by itself, and the consumer "
            f"{UNFINISHED[delivery.end]} before {other} was.",
            line,
        )
    if between is None or (right and not _interfered(view, work)):
        return None
    again = "another delivery of " if between.message == delivery.message else ""
    second = at(work.changes[1].written[-1]) if len(work.changes) > 1 and work.changes[1].written else at(tries[-1])
    return Diagnosis(
        "torn-update",
        f"{capital(words(line))} changed {which} for {who} and {words(second)} {other}, in two transactions; "
        f"{again}{view.case.who(between.message)} got in between ({words(between.line)}).",
        line,
        lines_of(second, between.line),
    )


def _interfered(view: _View, work: _Work) -> bool:
    """Whether another delivery worked on the row while a half of this one's change was there."""
    first, last = work.changes[0].event.number, work.changes[-1].event.number
    key = view.asked(work.delivery.message).key
    return any(
        other.delivery is not work.delivery
        and view.asked(other.delivery.message).key == key
        and other.delivery.events[0].number < last
        and other.delivery.events[-1].number > first
        for other in view.works
    )


def _value(view: _View) -> str:
    return "balance" if view.table == "account" else "address"


# -- a change that was not right ---------------------------------------------------------------------------


def _why_wrong(view: _View, work: _Work, change: _Change) -> Diagnosis:
    delivery = work.delivery
    message = delivery.message
    asked, who = view.asked(message), view.named(message)
    written = change.written[-1] if change.written else None
    line = at(written) or last_line([delivery])
    before = change.before
    if before is None or change.after is None or written is None or asked.fits(before):
        must = asked.after(before) if before is not None else None
        return Diagnosis(
            "wrong-effect",
            f"{capital(words(line))} left {view.quote(change.after)} for {who}; "
            + (f"it must be {view.quote(must)}." if must else "the row must be there."),
            line,
        )
    begun = min(e.number for e, _ in change.written)
    looked = view.looks(delivery, begun)
    overtaken = _overtaken(view, work, change, looked)
    if overtaken is not None:
        return overtaken
    return _condition(view, work, change, looked, line)


def _overtaken(view: _View, work: _Work, change: _Change, looked: list[Found]) -> Diagnosis | None:
    """The version agreed when the delivery looked, and another one raised it before the delivery wrote."""
    message = work.delivery.message
    asked, before, after = view.asked(message), change.before, change.after
    assert before is not None and after is not None
    for look in looked:
        seen = view.stored(look[0], message)
        if seen is None or seen.version == before.version or not asked.fits(seen):
            continue
        line, read = at(change.written[-1]), at(look)
        since = f"{words(read)} had read version {seen.version}, and another consumer made it {before.version} since"
        if asked.is_change and any(view.sets_value(o, asked, before) for _, o in change.written):
            return Diagnosis(
                "lost-update",
                f"{capital(words(line))} wrote back {view.quote(after)} over {view.quote(before)}: {since}.",
                line,
                lines_of(read),
            )
        return Diagnosis(
            "check-then-act",
            f"{capital(since)}; {words(line)} applied {view.named(message)} all the same.",
            read,
            lines_of(line),
        )
    return None


def _condition(view: _View, work: _Work, change: _Change, looked: list[Found], line: Line | None) -> Diagnosis:
    """Nothing came between looking and writing: the condition, if there is one, is not the right one."""
    case, delivery = view.case, work.delivery
    message = delivery.message
    asked, before, after = view.asked(message), change.before, change.after
    assert before is not None and after is not None
    who = view.named(message)
    done = f"{capital(words(line))} applied {who} although the stored version was {before.version}"
    written = change.written[0][1]
    found = view.passing(written, asked, before)
    passing, tried = found or (set(), set())
    if passing == {before.version} and looked:
        read = at(looked[-1])
        return Diagnosis(
            "version-from-store",
            f"{done}: its condition is on the version that {words(read)} had read from the store, not on the "
            "message's.",
            line,
            lines_of(read),
        )
    looked = [look for look in looked if at(look) != line]  # sqlite-utils looks by itself before it updates
    zero = next(((e, o) for e, o in looked if view.table in o.writes), None)
    if zero is not None:
        return Diagnosis(
            "ignored-count",
            f"{capital(words(at(zero)))} changed no row, since the stored version was {before.version}, and "
            f"{words(line)} applied {who} all the same.",
            at(zero),
            lines_of(line),
        )
    if asked.is_change and before.value == asked.balance:
        by_statement = view.depends_on_value(written, asked, before)
        inside = any(view.table in o.reads for _, o in delivery.operations if o is not written)
        if by_statement or (inside and passing == tried):
            return Diagnosis(
                "aba",
                f"{done}: the balance was {before.value}, as the sender had seen it; it had gone away and come back.",
                line,
                lines_of(at(looked[-1]) if looked else None),
            )
    if passing == tried or found is None:
        asking = asked_attempt(delivery)
        if asking:
            return Diagnosis(
                "key-from-delivery",
                f"{capital(words(asking))} goes by what the queue says of the delivery. {done}.",
                asking,
                lines_of(line),
            )
        if case.remembers and not looked:
            return Diagnosis(
                "memory-in-process",
                f"{done}: what had been done stood in {case.memory_name()} of another process, or was lost in a "
                "restart.",
                case.memory_line() or line,
                lines_of(line),
            )
        if len({at(seen) for seen in looked}) > 1:
            read = at(looked[0])
            return Diagnosis(
                "version-from-store",
                f"{done}; {words(read)} had read that version from the store, and nothing compared it with the "
                "message's.",
                line,
                lines_of(read),
            )
    if not asked.is_change:
        return Diagnosis(
            "stale-overwrites",
            f"{capital(words(line))} wrote the address of {who} over {view.quote(before)}, which is newer.",
            line,
        )
    also = "" if passing == tried or found is None else "; its condition lets that pass, too"
    return Diagnosis("no-precondition", f"{done}{also}.", line)


# -- a message that was acknowledged without effect --------------------------------------------------------


def _lost_messages(view: _View) -> Iterator[tuple[int, Diagnosis]]:
    case = view.case
    for message in range(len(view.scenario.messages)):
        asked = view.asked(message)
        if any(work.changes and work.delivery.message == message for work in view.works):
            continue
        if not asked.is_change:
            last = view.row(case.run.final, asked.key)
            if last is None or asked.is_too_late(last):
                continue
        for delivery in case.of(message):
            if delivery.end != "ack":
                continue
            stored = view.stored(delivery.events[-1], message)
            if stored is not None and not asked.is_too_late(stored):
                found = _why_lost(view, delivery, stored)
                if found is not None:
                    yield delivery.events[-1].number, found
            break


def _why_lost(view: _View, delivery: Delivery, stored: _Row) -> Diagnosis | None:
    case, who = view.case, view.named(delivery.message)
    on_table = [(e, o) for e, o in delivery.operations if view.table in o.reads | o.writes]
    failures = [(e, o) for e, o in delivery.operations if failure_of(o)]
    worked = [e.number for e, o in on_table if isinstance(o.told, SqlResult)]
    if failures and not (worked and worked[-1] > failures[-1][0].number):
        return _failure_passed_over(view, failures[-1][1], who)
    changing = [(e, o) for e, o in on_table if any(name == view.table for name, _, _ in o.changed)]
    if changing:
        return _never_committed(delivery, changing[-1], who)
    own = [o for _, o in delivery.operations if o.reads | o.writes and view.table not in o.reads | o.writes]
    if own and any(d.mark_durable is not None for d in case.of(delivery.message)):
        return None  # there are marks: `records` knows more
    asking = asked_attempt(delivery)
    if asking and not on_table:
        return Diagnosis(
            "key-from-delivery",
            f"{capital(words(asking))} took a delivery of {who} for one that had been done already.",
            asking,
        )
    if not on_table:
        if case.remembers:
            return Diagnosis(
                "memory-in-process",
                f"{delivery.process} acknowledged {who}, which had not been applied: all that was kept is in "
                f"{case.memory_name()}, in the memory of its process.",
                case.memory_line() or last_line([delivery]),
            )
        return _without_effect(who, last_line([delivery]))
    zero = next(((e, o) for e, o in reversed(on_table) if view.table in o.writes), None)
    if zero is not None:
        return _no_row_changed(view, delivery, zero, on_table[-1], who)
    return _read_only(view, delivery, on_table[-1], stored, who)


def _without_effect(who: str, line: Line | None) -> Diagnosis:
    return Diagnosis(
        "acknowledged-without-effect",
        f"The handler returned without having applied {who}, which acknowledged it.",
        line,
    )


def _failure_passed_over(view: _View, operation: Operation, who: str) -> Diagnosis:
    failure = failure_of(operation)
    assert failure is not None
    caught = view.case.source.swallower(operation.stack)
    line, broad = caught if caught else (operation.line, False)
    where = f"{words(line)} let it pass" if caught else "the code went on"
    return Diagnosis(
        "swallowed-error" if broad or not failure.is_lock else "swallowed-lock-error",
        f'{capital(words(operation.line))} met "{failure.text}"; {where}, and {who} was acknowledged without having '
        "been applied.",
        line,
        lines_of(operation.line),
    )


def _never_committed(delivery: Delivery, changing: Found, who: str) -> Diagnosis:
    line = at(changing)
    undone = next((o.line for e, o in delivery.operations if e.number > changing[0].number and _is_rollback(o)), None)
    return Diagnosis(
        "uncommitted-effect",
        f"{capital(words(line))} applied {who} in a transaction that was never committed; it was rolled back, and the "
        "message acknowledged.",
        undone or line,
        lines_of(line),
    )


def _is_rollback(operation: Operation) -> bool:
    return isinstance(operation.request, SqlStatement) and first_keyword(operation.request.sql) == "ROLLBACK"


def _no_row_changed(view: _View, delivery: Delivery, zero: Found, last: Found, who: str) -> Diagnosis:
    """The last statement that could have applied the message changed no row, and the handler returned."""
    message, (event, operation) = delivery.message, zero
    asked, then = view.asked(message), view.stored(event, message)
    line = at(zero)
    decided = view.case.source.decision(last[1].stack) or at(last)
    if then is None or not isinstance(then.version, int):
        return _without_effect(who, line)
    none = f"{capital(words(line))} changed no row for {who}, since the stored version was {then.version}"
    passing, _ = view.passing(operation, asked, then) or (set(), set())
    read = [look for look in view.looks(delivery, event.number) if view.table not in look[1].writes]
    seen = view.stored(read[-1][0], message) if read else None
    if seen is not None and seen.version != then.version and passing == {seen.version} and asked.fits(seen):
        changed = f"{none} and no longer {seen.version}, as {words(at(read[-1]))} had read"
        if operation.count_read:
            return Diagnosis(
                "swallowed-conflict", f"{changed}; the code went on as if the work were done.", decided, lines_of(line)
            )
        return Diagnosis("ignored-count", f"{changed}, and nobody looked at the count.", line, lines_of(at(read[-1])))
    if asked.fits(then) and asked.is_change:
        return Diagnosis("wrong-effect", f"{none}, which is its own; it was acknowledged without its change.", line)
    if not asked.is_change and then.version in passing:  # with another address it would have
        return Diagnosis(
            "acknowledged-without-effect",
            f"{capital(words(line))} changed no row for {who}, since the address was {then.value} already; its version "
            "was not stored.",
            line,
        )
    if not asked.is_change and not any(then.version < version < asked.version for version in passing):
        return Diagnosis(
            "acknowledged-without-effect", f"{none}; it is the newest, and was acknowledged without effect.", line
        )
    if last[1] is not operation:
        now = view.stored(last[0], message)
        if now is not None and asked.fits(now) and asked.is_change:
            return Diagnosis(
                "early-dropped",
                f"{none}; when {words(at(last))} looked, it was {now.version}, the message's own, and that was taken "
                "for stale.",
                decided,
                lines_of(line, at(last)),
            )
    if asked.is_change and last[1] is operation and not _looked_at(operation):
        return Diagnosis(
            "ignored-count", f"{none}; nobody looked at the count, and the message was acknowledged.", line
        )
    return Diagnosis(
        "early-dropped",
        f"{none}; it came too early, was acknowledged all the same, and its change never happens."
        if asked.is_change
        else f"{none}; it is newer, no gap needs waiting, and it was acknowledged without effect.",
        decided if asked.is_change else line,
        lines_of(line),
    )


def _looked_at(operation: Operation) -> bool:
    """Whether the code could tell that no row was changed: it read the count, or rows were to be returned."""
    told = operation.told
    return operation.count_read or (isinstance(told, SqlResult) and told.columns is not None)


def _read_only(view: _View, delivery: Delivery, look: Found, stored: _Row, who: str) -> Diagnosis:
    """The delivery looked at the table, decided, and returned."""
    asked, seen = view.asked(delivery.message), view.stored(look[0], delivery.message)
    decided = view.case.source.decision(look[1].stack) or at(look)
    if seen is None:
        return _without_effect(who, decided)
    dropped = f"the stored version was {seen.version}, and it was acknowledged without effect"
    undone = any(_is_rollback(o) for e, o in delivery.operations if e.number >= look[0].number)
    caught = view.case.source.swallower(look[1].stack) if undone else None
    if caught is not None and caught[1]:
        return Diagnosis(
            "swallowed-error",
            f"When {words(at(look))} looked for {who}, {dropped}: {words(caught[0])} lets every exception pass.",
            caught[0],
            lines_of(at(look)),
        )
    gap = isinstance(seen.version, int) and seen.version < asked.version - (0 if asked.is_change else 1)
    if not gap:
        return Diagnosis("acknowledged-without-effect", f"When {words(at(look))} looked for {who}, {dropped}.", decided)
    return Diagnosis(
        "early-dropped",
        f"{capital(who)} came too early: {words(at(look))} found version {seen.version}. It was acknowledged instead "
        "of being returned for a later try.",
        decided,
        lines_of(at(look)),
    )


# -- runs that never come to their end ---------------------------------------------------------------------


def _why_returned(case: Case) -> Diagnosis | None:
    """A message that is returned each time: the handler refuses what it should drop, or what it should apply."""
    if len(case.run.scenario.effects) != 1 or case.run.hung or any(d.mark_durable is not None for d in case.deliveries):
        return None
    view = _View(case)
    returned = [d for d in case.deliveries if d.end in ("give back", "dead letter")]
    poison = [d for d in returned if d.message in case.run.dead]
    for delivery in reversed(poison or returned):
        message, event = delivery.message, delivery.events[-1]
        asked, row = view.asked(message), view.stored(event, message)
        raised = event.raised
        if any((f := failure_of(o)) and not f.is_lock for _, o in delivery.operations):
            return None  # it is not the version that is refused
        if row is None or raised is None or raised.kind == "lock" or (raised.kind == "retry" and poison):
            return None
        line = raise_line([delivery])
        if asked.is_too_late(row):
            state = f"is stale, since the stored version is {row.version}, and has to be dropped"
        elif asked.fits(row):
            state = f"could be applied, since the stored version is {row.version}"
        else:
            state = f"comes too early while the stored version is {row.version}; only `Retry` may return it for so long"
        if poison:
            what = f"{raised.name}: {raised.text}" if raised.text else raised.name
            return Diagnosis(
                "poison-message",
                f"{capital(view.named(message))} {state}; it made the handler raise three times ({what}) and went to "
                "the dead-letter queue.",
                line,
            )
        if not asked.is_too_late(row) and not asked.fits(row):
            continue  # it waits for another one, which is the one to look at
        return Diagnosis(
            "never-acknowledged",
            f"{capital(view.named(message))} {state}; {words(line)} returns it to the queue each time it comes.",
            line,
        )
    return None


#: For runs that end wrong.
RULES: tuple[Rule, ...] = (_first_wrong, *RECORDS)
#: For runs that never come to their end; tried before those of `stuck`.
STUCK: tuple[Rule, ...] = (lambda case: None if case.run.hung else _first_wrong(case), _why_returned)
