"""Why one entry of a ledger was settled twice, or never."""

from __future__ import annotations

from ...simulation.operations import SqlResult
from .bookkeeping import Actor, Books, Step
from .case import UNFINISHED, Case, Diagnosis, capital, failure_of, lines_of, words

_UNFINISHED = {**UNFINISHED, "dies": "ended in an exception"}
_CONSTRAINT_ERRORS = frozenset({"Exception", "BaseException", "Error", "DatabaseError", "IntegrityError"})


# -- twice -------------------------------------------------------------------------------------------------


def settled_again(case: Case, books: Books, message: int) -> Diagnosis | None:
    """Two settle runs added the one entry of a message."""
    account = books.bodies[message]["account"]
    changes = [(a, s) for a, s, _ in books.changes(account) if a.message < 0]
    entries = [books.amount(m) for m in books.messages_of(account)]
    total, place = 0, len(changes) - 1
    for number, (_, _, delta) in enumerate(c for c in books.changes(account) if c[0].message < 0):
        total += delta
        if abs(total) > abs(sum(entries)) or (len(entries) == 1 and total == 2 * entries[0]):
            place = number
            break
    if place < 1:
        return None
    second, again = changes[place]
    earlier = [(a, s) for a, s in changes[:place] if a is not second]
    if not earlier:
        return None
    return _why_again(case, books, earlier[-1], (second, again), message)


def _why_again(case: Case, books: Books, one: tuple[Actor, Step], two: tuple[Actor, Step], message: int) -> Diagnosis:
    (first, done), (second, again) = one, two
    what = books.name(message)
    passed = _passed_claim(case, books, second, again, what)
    if passed is not None:
        return passed
    marks = {t for a in books.settlers for s in a.steps for t in s.operation.writes} - books.effects
    if not marks:
        if case.remembers:
            return Diagnosis(
                "memory-in-process",
                f"What was settled stood in {case.memory_name()} of {first.process or 'one process'} alone; "
                f"{second.title} added {what} again.",
                case.memory_line() or again.line,
                lines_of(again.line),
            )
        return Diagnosis(
            "no-duplicate-check",
            f"Nothing recorded that {what} was settled, so {second.title} added it again.",
            again.line,
        )
    looks = [s for s in second.steps if s.order <= again.order and s.operation.reads & marks]
    reads = [s for s in looks if not s.operation.writes & marks] or looks
    read = next((s for s in reversed(reads) if s.operation.reads & first.marked_tables(books)), None)
    read = read or (reads[-1] if reads else None)
    if read is None:
        return Diagnosis(
            "no-duplicate-check",
            f"{capital(second.title)} did not look if {what} was settled, and {words(again.line)} added it again.",
            again.line,
        )
    added, marked = done.durable or 0, first.mark_durable(books)
    if read.number < added:
        return Diagnosis(
            "check-then-act",
            f"{capital(second.title)} had found {what} unsettled in {words(read.line)} before {first.title} settled "
            f"it, and {words(again.line)} added it again.",
            read.line,
            lines_of(again.line, done.line),
        )
    if marked is None and first.end == "end":
        entered = books.entered(message)
        early = [s for s in first.steps if s.operation.reads & books.marks and s.number < entered]
        late = [s for s in first.steps if s.operation.writes & marks and s.order > done.order]
        if early and late:
            return Diagnosis(
                "check-then-act",
                f"{capital(words(early[-1].line))} of {first.title} read how far to settle before {what} was entered; "
                f"{words(done.line)} added it all the same, {words(late[-1].line)} did not mark it, and {second.title} "
                "added it again.",
                early[-1].line,
                lines_of(done.line, late[-1].line, again.line),
            )
    if marked is None or marked > read.number:
        how = first.how_before(read.number) or "had not yet marked it"
        return Diagnosis(
            "effect-before-mark",
            f"{capital(words(done.line))} made {what} durable on the balance, and {first.title} {how}; {second.title} "
            "found it unsettled and added it again.",
            done.line,
            lines_of(*(s.line for s in first.marks(books)), read.line, again.line),
        )
    return _unmarked(books, (first, done), (second, again), read, what)


def _unmarked(books: Books, one: tuple[Actor, Step], two: tuple[Actor, Step], read: Step, what: str) -> Diagnosis:
    """The entry had been marked before the second run read it."""
    (first, done), (second, again) = one, two
    marked = first.mark_durable(books) or 0
    for actor in (*books.settlers, *books.deliveries):
        for step in actor.marks(books) if actor is not first else ():
            taken_back = any(gone and new for name, gone, new in step.operation.changed if name in books.marks)
            if taken_back and step.durable is not None and marked <= step.durable <= read.number:
                title = actor.title if actor.message < 0 else f"a delivery to {actor.process}"
                return Diagnosis(
                    "lost-update" if actor.message < 0 else "replace-as-claim",
                    f"{capital(words(step.line))} of {title} wrote over the mark that {what} was settled; "
                    f"{second.title} added it again.",
                    step.line,
                    lines_of(again.line),
                )
    return Diagnosis(
        "no-duplicate-check",
        f"{capital(what)} was marked as settled when {words(read.line)} looked, and {second.title} added it again.",
        again.line,
        lines_of(read.line, done.line),
    )


def _passed_claim(case: Case, books: Books, second: Actor, again: Step, what: str) -> Diagnosis | None:
    """The statement that should have claimed the entry for this run said no, and the run went on."""
    before = [s for s in second.steps if s.order < again.order and s.operation.writes & books.marks]
    if not before or (before[-1].operation.writes & books.effects):
        return None
    claim = before[-1]
    adds = [s for s in second.steps if claim.order < s.order < again.order and s.operation.writes & books.effects]
    if adds:
        return None
    told, failure = claim.operation.told, failure_of(claim.operation)
    if failure is not None:
        caught = case.source.swallower(claim.operation.stack, {*_CONSTRAINT_ERRORS, failure.name})
        return Diagnosis(
            "swallowed-lock-error" if failure.is_lock and not (caught and caught[1]) else "swallowed-error",
            f"{capital(words(claim.line))} of {second.title} failed ({failure.text}), and {words(again.line)} added "
            f"{what} again all the same.",
            caught[0] if caught else claim.line,
            lines_of(claim.line, again.line),
        )
    if isinstance(told, SqlResult) and told.rowcount == 0 and not told.rows:
        return Diagnosis(
            "ignored-count",
            f"{capital(words(claim.line))} of {second.title} changed no row, as {what} was settled already, and nobody "
            f"looked: {words(again.line)} added it again.",
            claim.line,
            lines_of(again.line),
        )
    return None


# -- never -------------------------------------------------------------------------------------------------


def settled_never(case: Case, books: Books, message: int) -> Diagnosis | None:
    """A message has its entry, and no settle run added it for good."""
    account, what = books.bodies[message]["account"], books.name(message)
    entered = books.entered(message)
    for run in books.settlers:
        marks = [s for s in run.marks(books) if s.durable is not None and s.number >= entered]
        if marks and not any(s.durable for s, _ in run.deltas(books, account)):
            found = _marked_only(case, books, run, _mark_of(books, marks, message), message, entered)
            if found is not None:
                return found
    overwritten = books.overwritten(account)
    if overwritten is not None:
        return overwritten
    for run in books.settlers:
        undone = [s for s, _ in run.deltas(books, account, durable=False) if s.durable is None]
        if undone and run.end == "end" and not any(failure_of(s.operation) for s in run.steps):
            return Diagnosis(
                "uncommitted-effect",
                f"{capital(words(undone[-1].line))} of {run.title} added {what} in a transaction that nobody "
                "committed; it was rolled back.",
                undone[-1].line,
            )
    for run in books.settlers:
        marks = [s for s in run.marks(books) if s.durable is not None and s.number >= entered]
        if marks:
            found = _marked_only(case, books, run, _mark_of(books, marks, message), message, entered)
            if found is not None:
                return found
    return _overlooked(books, message, entered)


def _mark_of(books: Books, marks: list[Step], message: int) -> Step:
    """The statement that marked the entry, where the rows tell; else the last one."""
    key = str(books.bodies[message]["transfer_id"])
    for step in marks:
        for name, gone, _ in step.operation.changed:
            if name in books.marks and any(key in map(str, row) for row in gone):
                return step
    return marks[-1]


def _marked_only(case: Case, books: Books, run: Actor, mark: Step, message: int, entered: int) -> Diagnosis | None:
    """``run`` marked the entry as settled and did not add it."""
    what = books.name(message)
    # What a wait for a lock that timed out would have written is not known.
    failures = [s for s in run.steps if failure_of(s.operation)]
    failed = next((s for s in failures if s.operation.writes & books.effects or not s.operation.writes), None)
    how = _UNFINISHED.get(run.end)
    if failed is not None and how is None:
        failure = failure_of(failed.operation)
        caught = case.source.swallower(failed.operation.stack)
        return Diagnosis(
            "swallowed-lock-error" if failure and failure.is_lock and not (caught and caught[1]) else "swallowed-error",
            f"{capital(words(failed.line))} of {run.title} failed ({failure.text if failure else ''}), the code went "
            f"on, and {words(mark.line)} marked {what} as settled.",
            caught[0] if caught else failed.line,
            lines_of(failed.line, mark.line),
        )
    if how is not None:
        return Diagnosis(
            "mark-before-effect",
            f"{capital(words(mark.line))} made durable that {what} is settled, and {run.title} {how} before it was "
            "added to the balance.",
            mark.line,
            lines_of(failed.line if failed else None),
        )
    sources = {t for d in books.deliveries_of(message) for t in d.durable_tables()} & books.marks
    reads = [s for s in run.steps if s.order < mark.order and s.operation.reads & sources]
    early = [s for s in reads if s.number < entered]
    if not early:
        return None
    read = early[-1]
    between = [s for s in run.steps if read.order <= s.order < mark.order]
    if read.operation.writes & books.effects and any(s.operation.committed for s in between):
        return Diagnosis(
            "torn-update",
            f"{capital(words(read.line))} of {run.title} added what was unsettled, in a transaction of its own; then "
            f"{what} was entered, and {words(mark.line)} marked it as settled without its having been added.",
            mark.line,
            lines_of(read.line),
        )
    return Diagnosis(
        "check-then-act",
        f"{capital(words(read.line))} of {run.title} read what was unsettled before {what} was entered; "
        f"{words(mark.line)} marked it as settled all the same, and it was never added.",
        read.line,
        lines_of(mark.line),
    )


def _overlooked(books: Books, message: int, entered: int) -> Diagnosis | None:
    """Nobody marked it, nobody added it: later runs looked past it."""
    what, last = books.name(message), books.settlers[-1]
    passed = [
        (run, s) for run in books.settlers for s in run.marks(books) if s.durable is not None and s.number < entered
    ]
    look = next((s for s in last.steps if s.operation.reads & books.marks), None)
    if passed and look is not None:
        run, step = passed[-1]
        return Diagnosis(
            "check-then-act",
            f"{capital(words(step.line))} of {run.title} noted how far it had settled; only then {what} was entered, "
            f"behind that point, and {words(look.line)} looked past it.",
            step.line,
            lines_of(look.line),
        )
    return None
