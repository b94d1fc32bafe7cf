"""Rules for a ledger that is settled by a job: entries made by deliveries, balances changed by settle runs.

They go from the balance that is wrong back to what made it so: was a leg never entered, was it entered twice, or was
the one entry settled twice, or never? The first two stand here, the last two in `settling`.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Any

from ...simulation.operations import SqlResult
from ...simulation.process import Line
from ..replay import Operation
from .bookkeeping import Actor, Books, Step, found_rows
from .case import (
    UNFINISHED,
    Case,
    Diagnosis,
    Rule,
    added,
    asked_attempt,
    capital,
    failure_of,
    gone,
    lines_of,
    words,
)
from .records import forgotten_after_many
from .settling import settled_again, settled_never

_ENDS = ("ack", "lost ack", "stale ack")
_CONSTRAINT_ERRORS = frozenset({"Exception", "BaseException", "Error", "DatabaseError", "IntegrityError"})


# -- an invalid message ------------------------------------------------------------------------------------


def _accepted(case: Case) -> Diagnosis | None:
    """A message that must be refused was acknowledged."""
    books = Books.of(case)
    for message in books.invalid:
        enders = [d for d in books.deliveries_of(message) if d.end in _ENDS]
        if enders:
            return _why_accepted(case, books, enders[-1], books.name(message))
    return None


def _why_accepted(case: Case, books: Books, ender: Actor, what: str) -> Diagnosis:
    asked = asked_attempt(ender.delivery) if ender.delivery else None
    if asked and any(d.end == "give back" for d in books.deliveries_of(ender.message)):
        return Diagnosis(
            "key-from-delivery",
            f"{capital(words(asked))} went by what the queue says of the delivery: {what} is invalid and was refused "
            "at first, and acknowledged when it came again.",
            asked,
        )
    for step in reversed(ender.steps):
        failure = failure_of(step.operation)
        if failure is not None and not failure.is_lock and not _says_duplicate(failure.text):
            return _wrong_integrity_error(case, step, what)
    entry = next((s for s in ender.steps if s.operation.writes), None)
    if entry is None:
        line = case.source.condition_on(case.run.scenario.entry, "amount") or ender.last_line
        how = "acknowledged it without an exception; it must be refused"
    else:
        line = entry.line
        told = entry.operation.told
        skipped = isinstance(told, SqlResult) and told.rowcount == 0
        how = "ignored it instead of refusing it" if skipped else "entered it"
    return Diagnosis("accepted-invalid", f"{capital(what)} is invalid; {words(line)} {how}.", line)


def _wrong_integrity_error(case: Case, step: Step, what: str) -> Diagnosis:
    failure = failure_of(step.operation)
    caught = case.source.swallower(step.operation.stack, _CONSTRAINT_ERRORS)
    line = caught[0] if caught else step.line
    return Diagnosis(
        "wrong-integrity-error",
        f"{capital(words(step.line))} refused {what} ({failure.text if failure else ''}), {words(line)} took that for "
        "a duplicate, and the message was acknowledged.",
        line,
        lines_of(step.line),
    )


def _says_duplicate(text: str) -> bool:
    return text.startswith("UNIQUE")


# -- a balance ---------------------------------------------------------------------------------------------


def _unbalanced(case: Case) -> Diagnosis | None:
    books = Books.of(case)
    for account in books.wrong_accounts():
        found = _why_wrong(case, books, account)
        if found is not None:
            return found
    return None


def _why_wrong(case: Case, books: Books, account: Any) -> Diagnosis | None:
    off = books.off_by(account)
    messages = books.messages_of(account)
    for message in messages:
        found = None if _entered_by_another(case, books, message) else _not_entered(case, books, message)
        if found is not None:
            return found
    under_two_ids = _under_two_ids(case, books, account)
    if under_two_ids is not None:
        return under_two_ids
    for message in messages:
        if off is None or off * books.amount(message) > 0:
            found = (
                _entered_twice(case, books, message)
                or _unsettled(books, message)
                or _booked_and_settled(books, message)
            )
            if found is not None:
                return found
    if off is None:
        return books.wrong_effect(account)
    times = books.times_settled(account, off)
    for message, more in times.items():
        found = settled_again(case, books, message) if more > 0 else settled_never(case, books, message)
        if found is not None:
            return found
    return books.overwritten(account) or books.wrong_effect(account)


# -- the same leg, sent under two ids ----------------------------------------------------------------------


def _entered_by_another(case: Case, books: Books, message: int) -> bool:
    """Whether another message that asks for the same was entered."""
    others = next(group for group in case.intents() if message in group)
    return any(d.durable_tables() for other in others if other != message for d in books.deliveries_of(other))


def _under_two_ids(case: Case, books: Books, account: Any) -> Diagnosis | None:
    for group in case.intents():
        for table in (*sorted(books.effects), *sorted(books.marks)):
            doing = [
                (d, step)
                for message in group
                if books.bodies[message]["account"] == account
                for d in books.deliveries_of(message)
                if (step := d.added_to(table)) is not None
            ]
            doing.sort(key=lambda pair: pair[1].durable or 0)
            second = next((pair for pair in doing if pair[0].message != doing[0][0].message), None)
            if second is not None:
                return _why_under_two_ids(case, books, doing[0], second, books.booked(table))
    return None


def _why_under_two_ids(
    case: Case, books: Books, one: tuple[Actor, Step], two: tuple[Actor, Step], did: str
) -> Diagnosis:
    (first, done), (second, again) = one, two
    messages = case.run.scenario.messages
    names = f"{messages[first.message][0]} and {messages[second.message][0]}"
    checks = [
        s for s in second.steps if s.order < again.order and s.operation.reads & books.marks and not s.operation.writes
    ]
    if checks and checks[-1].number < (done.durable or 0):
        return Diagnosis(
            "check-then-act",
            f"{capital(words(checks[-1].line))} looked for {books.name(second.message)} before the other consumer had "
            f"{did} it for another message; messages {names} ask for the same, and both were {did}.",
            checks[-1].line,
            lines_of(again.line),
        )
    removal = _taken_away(case, books, first.message, done, again)
    if removal is not None:
        return Diagnosis(
            "expiring-mark",
            f"{capital(words(removal.line))} took away what {words(done.line)} had recorded of "
            f"{books.name(first.message)}; when it was sent again, {words(again.line)} recorded it anew, and it was "
            f"{did} twice.",
            removal.line,
            lines_of(done.line, again.line),
        )
    mark = next(iter(second.marks(books)), again)
    return Diagnosis(
        "key-from-message-id",
        f"Messages {names} ask for the same; {words(mark.line)} recorded each under a key of its own, and both were "
        f"{did}.",
        case.source.key_line(mark.line),
        lines_of(mark.line, again.line, done.line),
    )


def _taken_away(case: Case, books: Books, message: int, done: Step, again: Step) -> Operation | None:
    """What took the rows of a message away before it came again."""
    wanted = {str(books.bodies[message]["transfer_id"]), str(books.bodies[message]["account"])}
    tables = {table for table, _ in added(again.operation)}

    def mine(rows: Set[tuple[str, tuple[object, ...]]]) -> bool:
        return any(table in tables and wanted <= set(map(str, row)) for table, row in rows)

    for event in case.run.events:
        if done.number <= event.number <= again.number:
            for operation in event.operations:
                if operation is not again.operation and mine(gone(operation)) and not mine(added(operation)):
                    return operation
    return None


# -- never entered -----------------------------------------------------------------------------------------


def _not_entered(case: Case, books: Books, message: int) -> Diagnosis | None:
    """Some of what an undisturbed delivery makes durable, no delivery of this message has."""
    mine = books.deliveries_of(message)
    enders = [d for d in mine if d.end in _ENDS]
    durable = {table for d in mine for table in d.durable_tables()}
    expected = books.undisturbed_tables(message)
    if not enders or (durable and not expected - durable):
        return None
    ender, what = enders[-1], books.name(message)
    partial = next((d for d in mine if d.durable_tables()), None)
    failures = [s for s in ender.steps if failure_of(s.operation)]
    locks = [s for s in failures if (f := failure_of(s.operation)) and f.is_lock]
    if locks:
        return _lock_swallowed(case, locks[-1], what)
    undone = next((s for s in reversed(ender.steps) if s.operation.changed and s.durable is None), None)
    if undone is not None and not failures:
        return Diagnosis(
            "uncommitted-effect",
            f"{capital(words(undone.line))} entered {what} in a transaction that nobody committed; it was rolled back, "
            "and the message acknowledged.",
            undone.line,
        )
    refused = [s for s in failures if (f := failure_of(s.operation)) and f.name == "IntegrityError"]
    wrong = [s for s in refused if (f := failure_of(s.operation)) and not _says_duplicate(f.text)]
    if wrong:
        return _wrong_integrity_error(case, wrong[-1], what)
    looked = refused[-1] if refused else None if failures else _looked(books, ender)
    if partial is not None and partial is not ender and (looked or partial.end in UNFINISHED):
        return _half_entered(partial, ender, looked, what)
    asked = asked_attempt(ender.delivery) if ender.delivery and not failures else None
    if asked:
        return Diagnosis(
            "key-from-delivery",
            f"{capital(words(asked))} went by what the queue says of the delivery and took {what} for entered already; "
            "it never was.",
            asked,
        )
    if looked is not None:
        others = [m for m in books.valid if m != message and books.entered_before(m, looked.number)]
        if others:
            return _same_key(case, books, others, message, looked)
    if failures:
        failed = failures[-1]
        failure = failure_of(failed.operation)
        caught = case.source.swallower(failed.operation.stack, {*_CONSTRAINT_ERRORS, failure.name if failure else ""})
        return Diagnosis(
            "swallowed-error",
            f"{capital(words(failed.line))} failed ({failure.text if failure else ''}), the code went on, and {what} "
            "was acknowledged without being entered.",
            caught[0] if caught else failed.line,
            lines_of(failed.line),
        )
    if partial is not None:
        changed = next(s for s in partial.steps if s.durable is not None)
        return Diagnosis(
            "torn-update",
            f"{capital(words(changed.line))} made one half of the entry of {what} durable; the other half never was.",
            changed.line,
        )
    if case.remembers:
        line = case.memory_line() or ender.last_line
        return Diagnosis(
            "memory-in-process",
            f"{ender.process} took {what} for entered by {case.memory_name()}; it never was.",
            line,
        )
    return Diagnosis(
        "acknowledged-without-effect",
        f"The handler returned, which acknowledged the message, without entering {what}.",
        ender.last_line or case.source.condition_on(case.run.scenario.entry, "amount"),
    )


def _looked(books: Books, actor: Actor) -> Step | None:
    """The step by which a delivery that entered nothing may have taken its message for a duplicate."""
    claims = [s for s in actor.steps if s.operation.writes and not s.operation.changed]
    checks = [s for s in actor.steps if s.operation.reads & books.marks and not s.operation.writes]
    found = [s for s in checks if found_rows(s.operation)]
    looked = claims or found or checks
    return looked[-1] if looked else None


def _lock_swallowed(case: Case, step: Step, what: str) -> Diagnosis:
    caught = case.source.swallower(step.operation.stack)
    line, broad = caught if caught else (step.line, False)
    return Diagnosis(
        "swallowed-error" if broad else "swallowed-lock-error",
        f'{capital(words(step.line))} met "database is locked", the code went on, and {what} was acknowledged without '
        "being entered.",
        line,
        lines_of(step.line),
    )


def _half_entered(partial: Actor, ender: Actor, looked: Step | None, what: str) -> Diagnosis:
    mark = next(s for s in partial.steps if s.durable is not None)
    how = partial.how_before(ender.steps[0].number if ender.steps else mark.number) or "had not come to the end"
    return Diagnosis(
        "mark-before-effect",
        f"{capital(words(mark.line))} made durable that {what} is known, the consumer {how} before the rest; the next "
        "delivery took it for done.",
        mark.line,
        lines_of(looked.line if looked else None),
    )


def _same_key(case: Case, books: Books, others: Sequence[int], message: int, looked: Step) -> Diagnosis:
    """An entry was taken for that of another message."""
    line = looked.line
    made = case.source.key_line(line)
    body = books.bodies[message]
    shown = {str(value) for row in found_rows(looked.operation) for value in row}
    others = [m for m in others if str(books.bodies[m]["transfer_id"]) in shown] or list(others)

    def where(test: Any) -> int | None:
        return next((m for m in others if test(books.bodies[m])), None)

    leg = where(lambda other: other["transfer_id"] == body["transfer_id"])
    if leg is not None:
        return Diagnosis(
            "key-too-narrow",
            f"{capital(words(line))} took {books.name(message)} on account {body['account']} for entered: the other "
            f"leg of the transfer, on account {books.bodies[leg]['account']}, was.",
            line,
            lines_of(made),
        )
    alike = where(lambda other: _look_alike(other, body))
    if alike is not None:
        return Diagnosis(
            "key-collision",
            f"{capital(words(line))} took {books.name(message)} for {books.name(alike)}: their keys look the same.",
            made,
            lines_of(line),
        )
    equal = where(lambda o: o["account"] == body["account"] and o["amount"] == body["amount"])
    if equal is None:
        equal = where(lambda o: o["account"] != body["account"] and o["amount"] == body["amount"])
    if equal is not None:
        return Diagnosis(
            "key-from-payload",
            f"{capital(words(line))} took {books.name(message)} for {books.name(equal)}: they ask for the same amount, "
            "but they are two transfers.",
            line,
            lines_of(made),
        )
    other = where(lambda o: o["account"] == body["account"])
    if other is None:
        other = others[0]
    return Diagnosis(
        "key-too-narrow",
        f"{capital(words(line))} took {books.name(message)} for entered, but that was {books.name(other)}.",
        line,
        lines_of(made),
    )


def _look_alike(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two transfers differ in case, blanks or zeros only, one begins like the other or is a pattern that fits,
    or the ids written one after the other are equal."""
    first, second = (str(body["transfer_id"]) for body in (one, other))
    if first + str(one["account"]) == second + str(other["account"]):
        return True
    plain, like = (text.casefold().replace(" ", "").replace("0", "").rstrip("%_*?") for text in (first, second))
    return plain.startswith(like) or like.startswith(plain)


# -- entered twice -----------------------------------------------------------------------------------------


def _entered_twice(case: Case, books: Books, message: int) -> Diagnosis | None:
    mine = books.deliveries_of(message)
    for table in (*sorted(books.effects), *sorted(books.marks)):
        doing = [(d, step) for d in mine if (step := d.added_to(table)) is not None]
        if len(doing) >= 2:
            doing.sort(key=lambda pair: pair[1].durable or 0)
            return _why_twice(case, books, message, doing[0], doing[1], books.booked(table))
    return None


def _why_twice(
    case: Case, books: Books, message: int, one: tuple[Actor, Step], two: tuple[Actor, Step], did: str
) -> Diagnosis:
    (first, done), (second, again) = one, two
    what = books.name(message)
    gone = books.removed(first, before=again.number)
    if gone is not None:
        took = "wrote over" if any(new for name, _, new in gone.operation.changed if name in books.marks) else "deleted"
        return Diagnosis(
            "expiring-mark",
            f"{capital(words(gone.line))} {took} the entry of {what}; when the message came again nothing said that "
            f"it was done, and {words(again.line)} {did} it again.",
            gone.line,
            lines_of(again.line),
        )
    before = [s for s in second.steps if s.order < again.order]
    for step in before:
        found = _passed_claim(case, books, step, again.line, what, did)
        if found is not None:
            return found
    checks = [s for s in before if s.operation.reads & books.marks and not s.operation.writes]
    check = next((s for s in checks if s.operation.reads & first.marked_tables(books)), checks[0] if checks else None)
    asked = (asked_attempt(second.delivery) if second.delivery else None) or (
        asked_attempt(first.delivery) if first.delivery else None
    )
    if asked and (check is None or first.rows() != second.rows()):
        return Diagnosis(
            "key-from-delivery",
            f"{capital(words(asked))} goes by what the queue says of the delivery, so the second delivery of {what} "
            f"did not look like the first; {words(again.line)} {did} it again.",
            asked,
            lines_of(again.line),
        )
    marked = first.mark_durable(books, check.operation.reads if check else None)
    if check is None:
        return _unguarded(case, books, (first, done), (second, again), what, did)
    if done.durable is not None and done.durable < check.number and (marked is None or marked > check.number):
        return _effect_first(first, done, again, what, did)
    if marked is None or marked > check.number:
        return Diagnosis(
            "check-then-act",
            f"{capital(words(check.line))} looked for {what} before the other consumer had entered it "
            f"({words(done.line)}); both {did} it.",
            check.line,
            lines_of(done.line, again.line),
        )
    how = "found it" if found_rows(check.operation) else "found nothing"
    return Diagnosis(
        "no-duplicate-check",
        f"{capital(what)} was entered when {words(check.line)} looked; it {how}, and {words(again.line)} {did} it "
        "again.",
        check.line,
        lines_of(again.line),
    )


def _passed_claim(case: Case, books: Books, step: Step, again: Line | None, what: str, did: str) -> Diagnosis | None:
    """A statement that found the entry of an earlier delivery in its way; the code went on."""
    operation, line = step.operation, step.line
    if not operation.writes & books.marks:
        return None
    failure = failure_of(operation)
    if failure is not None:
        caught = case.source.swallower(operation.stack, {*_CONSTRAINT_ERRORS, failure.name})
        name = "swallowed-lock-error" if failure.is_lock and not (caught and caught[1]) else "swallowed-error"
        return Diagnosis(
            name,
            f"{capital(words(line))} failed ({failure.text}), and {words(again)} {did} {what} again all the same.",
            caught[0] if caught else line,
            lines_of(line, again),
        )
    told = operation.told
    if isinstance(told, SqlResult) and told.rowcount == 0 and not told.rows:
        return Diagnosis(
            "ignored-count",
            f"{capital(words(line))} added no row, as {what} was known already, and nobody looked: {words(again)} "
            f"{did} it again.",
            line,
            lines_of(again),
        )
    if any(gone and new for name, gone, new in operation.changed if name in books.marks):
        return _replaced(line, again, what, did)
    return None


def _replaced(line: Line | None, again: Line | None, what: str, did: str) -> Diagnosis:
    return Diagnosis(
        "replace-as-claim",
        f"{capital(words(line))} replaced the row of {what} instead of failing, and {words(again)} {did} it again.",
        line,
        lines_of(again),
    )


def _unguarded(
    case: Case, books: Books, one: tuple[Actor, Step], two: tuple[Actor, Step], what: str, did: str
) -> Diagnosis:
    (first, done), (second, again) = one, two
    later = any(s.order > again.order and s.operation.writes & books.marks for s in second.steps)
    if later and not any(name in books.marks for name, _, _ in again.operation.changed):
        return _effect_first(first, done, again, what, did)
    if case.remembers:
        how = "lost it in a restart" if second.process == first.process else "has a memory of its own"
        return Diagnosis(
            "memory-in-process",
            f"That {what} was entered stood in {case.memory_name()} of {first.process} alone; {second.process} {how}, "
            f"and {words(again.line)} {did} it again.",
            case.memory_line() or again.line,
            lines_of(again.line),
        )
    return Diagnosis(
        "no-duplicate-check",
        f"Nothing stopped the second delivery of {what}: {words(again.line)} {did} it again.",
        again.line,
    )


def _effect_first(first: Actor, done: Step, again: Step, what: str, did: str) -> Diagnosis:
    how = first.how_before(again.number) or "had not come to the rest"
    return Diagnosis(
        "effect-before-mark",
        f"{capital(words(done.line))} {did} {what}, durably, and the consumer {how} before that was recorded; the next "
        f"delivery {did} it again.",
        done.line,
        lines_of(again.line),
    )


# -- entered once, but ... ---------------------------------------------------------------------------------


def _unsettled(books: Books, message: int) -> Diagnosis | None:
    """A second delivery wrote over the entry, or over what a settle run had noted on it."""
    what = books.name(message)
    for delivery in books.deliveries_of(message)[1:]:
        for step in delivery.steps:
            written_over = any(gone and new for name, gone, new in step.operation.changed if name in books.marks)
            if step.durable is None or not written_over:
                continue
            settled = any(run.marked_before(books, step.number) for run in books.settlers)
            then = "was settled; it counted as unsettled again" if settled else "was there already, and changed it"
            return Diagnosis(
                "replace-as-claim",
                f"{capital(words(step.line))} wrote over the row of {what}, which {then}, and {what} was added again.",
                step.line,
            )
    return None


def _booked_and_settled(books: Books, message: int) -> Diagnosis | None:
    """A delivery changed the balance, and a settle run did once more."""
    account = books.bodies[message]["account"]
    booked = next((s for d in books.deliveries_of(message) for s, _ in d.deltas(books, account)), None)
    settled = next((s for a in books.settlers for s, _ in a.deltas(books, account)), None)
    if booked is None or settled is None:
        return None
    return Diagnosis(
        "wrong-effect",
        f"{capital(words(booked.line))} added {books.name(message)} to the balance, and {words(settled.line)} of "
        "settle added it once more.",
        settled.line,
        lines_of(booked.line),
    )


def _settled_by_heart(case: Case) -> Diagnosis | None:
    """A process that has run the job before does otherwise when it runs it once more: the others have been right."""
    if not case.run.closed_again:
        return None
    job = case.run.scenario.job
    earlier = [o for event in case.run.events if event.message < 0 for o in event.operations]
    line = case.memory_line() or next((o.line for o in reversed([*earlier, *case.run.closing]) if o.line), None)
    return Diagnosis(
        "memory-in-process",
        f"A process that had run {job} before kept something in {case.memory_name()}, and when it ran {job} again it "
        "did not do what a new process would have done.",
        line,
    )


#: For runs that end wrong.
RULES: tuple[Rule, ...] = (_accepted, _settled_by_heart, forgotten_after_many, _unbalanced)
#: For runs that never come to their end; tried before those of `stuck`.
STUCK: tuple[Rule, ...] = ()
