"""Rules for handlers that have an effect and keep a mark of it: applied twice, lost, overwritten."""

from __future__ import annotations

from collections.abc import Callable

from ...simulation.operations import SqlResult, SqlStatement
from ...simulation.process import Line
from ...simulation.sqlite_statements import first_keyword
from ..replay import Event, Operation
from .case import (
    UNFINISHED,
    Case,
    Delivery,
    Diagnosis,
    asked_attempt,
    at,
    capital,
    failure_of,
    last_line,
    lines_of,
    words,
)

# -- applied twice -----------------------------------------------------------------------------------------


def _applied_twice(case: Case) -> Diagnosis | None:
    for message in range(len(case.run.scenario.messages)):
        done = [d for d in case.of(message) if d.effect_durable is not None]
        if len(done) >= 2:
            first, second = sorted(done, key=lambda d: d.effect_durable or 0)[:2]
            return _why_twice(case, first, second, case.who(message))
    return None


def _why_twice(case: Case, first: Delivery, second: Delivery, who: str) -> Diagnosis:
    effect = at(second.effect)
    asked = asked_attempt(second) or asked_attempt(first)
    claims = case.claims(second)
    looked = second.check or (claims[0] if claims else None)
    if not (first.mark or looked):
        return _nothing_recorded(case, first, second, who, asked)
    keys = case.marks(first), case.marks(second)
    if keys[0] and keys[1] and not keys[0] & keys[1]:
        line = asked or case.source.key_line(at(second.mark))
        return Diagnosis(
            "key-from-delivery",
            f"The two deliveries of {who} were recorded under different keys ({_one(keys[0])} and {_one(keys[1])}), so "
            "neither stopped the other; both credited it.",
            line,
            lines_of(at(second.mark), at(second.check)),
        )
    if looked is None:
        if asked:
            return _by_the_flag(asked, who)
        return _nothing_recorded(case, first, second, who, asked)
    if second.check is None and second.effect and second.effect[0].number < looked[0].number:
        return Diagnosis(
            "effect-before-mark",
            f"{capital(words(effect))} credited {who} before {words(at(looked))} could find out if it was done.",
            effect,
            lines_of(at(looked)),
        )
    if first.mark_durable is not None and first.mark_durable < looked[0].number:
        return _not_stopped(case, first, second, who, asked)
    if first.events[-1].number > looked[0].number:
        return _overtaken(case, first, second, who, looked)
    how = UNFINISHED.get(first.end, "went on")
    return Diagnosis(
        "effect-before-mark",
        f"{capital(words(at(first.effect)))} made the credit of {who} durable, the consumer {how} before a mark "
        "was; the next delivery credited it again.",
        at(first.effect),
        lines_of(at(first.mark), at(second.mark), at(looked)),
    )


def _one(values: frozenset[str]) -> str:
    return sorted(values)[0]


def _nothing_recorded(case: Case, first: Delivery, second: Delivery, who: str, asked: Line | None) -> Diagnosis:
    if asked:
        return _by_the_flag(asked, who)
    effect = at(second.effect)
    if case.remembers:
        how = f"{second.process} " + (
            "lost it in a restart" if second.process == first.process else "has a memory of its own"
        )
        return Diagnosis(
            "memory-in-process",
            f"That {who} was done stood in {case.memory_name()} of {first.process} alone; {how} and credited it again.",
            case.memory_line() or effect,
            lines_of(effect),
        )
    return Diagnosis(
        "no-duplicate-check",
        f"Nothing was recorded when {who} was done, so {words(effect)} credited it again.",
        effect,
    )


def _by_the_flag(asked: Line, who: str) -> Diagnosis:
    return Diagnosis(
        "key-from-delivery",
        f"{capital(words(asked))} goes by what the queue says of the delivery; {who} was delivered twice and "
        "credited twice.",
        asked,
    )


def _overtaken(case: Case, first: Delivery, second: Delivery, who: str, looked: tuple[Event, Operation]) -> Diagnosis:
    mark = f" ({words(at(first.mark))})" if first.mark else ""
    return Diagnosis(
        "check-then-act",
        f"{capital(words(at(looked)))} looked for {who} before the other consumer had marked it{mark}; both "
        "credited it.",
        at(looked),
        lines_of(at(first.mark), at(second.effect)),
    )


def _not_stopped(case: Case, first: Delivery, second: Delivery, who: str, asked: Line | None) -> Diagnosis:
    """The mark was there when the second delivery looked, and it went on all the same."""
    effect = at(second.effect)
    if asked and second.check is None:
        return _by_the_flag(asked, who)
    for event, operation in case.claims(second):
        if second.effect is not None and second.effect[0].number < event.number:
            break
        failure = failure_of(operation)
        if failure is not None and not failure.is_lock:
            caught = case.source.swallower(operation.stack)
            return Diagnosis(
                "swallowed-error",
                f"{capital(words(operation.line))} was refused ({failure.text}), and the code credited {who} all the "
                "same.",
                caught[0] if caught else operation.line,
                lines_of(operation.line, effect),
            )
        if isinstance(operation.told, SqlResult) and operation.told.rowcount > 0:
            return Diagnosis(
                "replace-as-claim",
                f"{capital(words(operation.line))} replaced the row of the first delivery of {who} instead of "
                "failing; both deliveries credited it.",
                operation.line,
                lines_of(effect),
            )
        if isinstance(operation.told, SqlResult):
            return Diagnosis(
                "ignored-count",
                f"{capital(words(operation.line))} added no row for the second delivery of {who}, and nobody looked: "
                f"{words(effect)} credited it again.",
                operation.line,
                lines_of(effect),
            )
    if asked:
        return _by_the_flag(asked, who)
    check = at(second.check)
    found = second.check is not None and isinstance(second.check[1].told, SqlResult) and second.check[1].told.rows
    what = "found it" if found else "found nothing"
    return Diagnosis(
        "no-duplicate-check",
        f"{capital(who)} was marked when {words(check)} looked; it {what}, and {words(effect)} credited it again.",
        check or effect,
        lines_of(effect),
    )


# -- lost --------------------------------------------------------------------------------------------------


def _lost(case: Case) -> Diagnosis | None:
    for message in range(len(case.run.scenario.messages)):
        mine = case.of(message)
        if any(d.effect_durable is not None for d in mine):
            continue
        enders = [d for d in mine if d.end in ("ack", "lost ack")] or [d for d in mine if d.end == "stale ack"]
        if enders:
            return _why_lost(case, mine, enders[-1], message)
    return None


def _why_lost(case: Case, mine: list[Delivery], ender: Delivery, message: int) -> Diagnosis:
    who = case.who(message)
    failures = [(e, o) for e, o in ender.operations if failure_of(o)]
    locks = [(e, o) for e, o in failures if (f := failure_of(o)) and f.is_lock]
    if locks:
        return _lock_swallowed(case, locks[-1][1], who)
    if ender.effect is not None:
        undone = next(
            (o.line for e, o in ender.operations if e.number > ender.effect[0].number and _is_rollback(o)), None
        )
        line = undone or at(ender.effect)
        return Diagnosis(
            "uncommitted-effect",
            f"{capital(words(at(ender.effect)))} credited {who} in a transaction that was never committed; it was "
            "rolled back, and the message acknowledged.",
            line,
            lines_of(at(ender.effect)),
        )
    looked = ender.check or next(iter(case.claims(ender)), None)
    earlier = [d for d in mine if d is not ender and d.mark_durable is not None]
    if earlier and looked is not None:
        return _mark_without_effect(case, earlier[0], looked, who)
    asked = asked_attempt(ender)
    if asked and not failures:
        return Diagnosis(
            "key-from-delivery",
            f"{capital(words(asked))} took a delivery of {who} for one that had been done already.",
            asked,
        )
    others = [d for d in case.deliveries if d.message != message and d.mark_durable is not None]
    refused = [(e, o) for e, o in failures if (f := failure_of(o)) and f.name == "IntegrityError"]
    if others and (refused or (looked is not None and not failures)):
        return _same_key(case, others, message, refused[-1] if refused else looked)
    if failures:
        failed = failures[-1][1]
        failure = failure_of(failed)
        caught = case.source.swallower(failed.stack)
        return Diagnosis(
            "swallowed-error",
            f"{capital(words(failed.line))} failed ({failure.text if failure else ''}); the code went on, and {who} "
            "was acknowledged without its credit.",
            caught[0] if caught else failed.line,
            lines_of(failed.line),
        )
    if case.remembers:
        return Diagnosis(
            "memory-in-process",
            f"{ender.process} took {who} for done by {case.memory_name()}, but its credit had not been made.",
            case.memory_line() or last_line([ender]),
        )
    missed = next((o for _, o in ender.operations if o.writes & case.run.scenario.effects), None)
    if missed is not None:
        return Diagnosis(
            "wrong-effect",
            f"{capital(words(missed.line))} changed no row for {who}, which was acknowledged without its credit.",
            missed.line,
        )
    return Diagnosis(
        "acknowledged-without-effect",
        f"The handler returned without a credit for {who}, which acknowledged it.",
        last_line([ender]),
    )


def _is_rollback(operation: Operation) -> bool:
    return isinstance(operation.request, SqlStatement) and first_keyword(operation.request.sql) == "ROLLBACK"


def _lock_swallowed(case: Case, operation: Operation, who: str) -> Diagnosis:
    caught = case.source.swallower(operation.stack)
    line, broad = caught if caught else (operation.line, False)
    where = f"{words(line)} let it pass" if caught else "the code went on"
    return Diagnosis(
        "swallowed-error" if broad else "swallowed-lock-error",
        f'{capital(words(operation.line))} met "database is locked"; {where}, and {who} was acknowledged without its '
        "credit.",
        line,
        lines_of(operation.line),
    )


def _mark_without_effect(case: Case, first: Delivery, looked: tuple[Event, Operation], who: str) -> Diagnosis:
    how = UNFINISHED.get(first.end, "had not finished")
    if case.releases:
        return Diagnosis(
            "unreleased-claim",
            f"{capital(words(at(first.mark)))} claimed {who}, the consumer {how}, and the claim stayed; the next "
            "delivery found it and did nothing.",
            at(first.mark),
            lines_of(at(looked)),
        )
    return Diagnosis(
        "mark-before-effect",
        f"{capital(words(at(first.mark)))} made the mark of {who} durable, the consumer {how} before the credit; "
        "the next delivery found the mark and did nothing.",
        at(first.mark),
        lines_of(at(looked)),
    )


def _same_key(case: Case, others: list[Delivery], message: int, looked: tuple[Event, Operation] | None) -> Diagnosis:
    """A message was taken for another one."""
    messages = case.run.scenario.messages
    mine, body = messages[message]
    equal = [d for d in others if messages[d.message][1] == body]
    other = (equal or others)[0]
    its = messages[other.message][0]
    line = at(looked)
    made = case.source.key_line(line)
    # Which messages look alike here? Those that differ in case or a leading zero only, or whose key is (part of) an id.
    alike = sorted(mine.casefold().strip().lstrip("0")) == sorted(its.casefold().strip().lstrip("0"))
    from_id = any(v and its.casefold().startswith(v.casefold()) for v in case.marks(other))
    if equal and not (alike or from_id):
        return Diagnosis(
            "key-from-payload",
            f"{capital(case.who(other.message))} and {case.who(message)} ask for the same; {words(line)} took the "
            "second for a duplicate of the first.",
            made,
            lines_of(line),
        )
    return Diagnosis(
        "key-collision",
        f"{capital(words(line))} took {case.who(message)} for {case.who(other.message)}: their keys look the same.",
        made,
        lines_of(line),
    )


# -- lost update, wrong effect -----------------------------------------------------------------------------


def _overwritten(case: Case) -> Diagnosis | None:
    """Every message took effect once, and yet the sum is wrong."""
    effects = case.run.scenario.effects
    done = [d for d in case.deliveries if d.effect_durable is not None and d.effect is not None]
    for delivery in done:
        read = next(((e, o) for e, o in delivery.operations if o.reads & effects and not o.writes), None)
        for other in done:
            if read is None or other is delivery or delivery.effect is None:
                continue
            if read[0].number < (other.effect_durable or 0) < (delivery.effect_durable or 0):
                line = at(delivery.effect)
                return Diagnosis(
                    "lost-update",
                    f"{capital(words(at(read)))} read the balance before {case.who(other.message)} was credited; "
                    f"{words(line)} wrote back a sum without it.",
                    line,
                    lines_of(at(read)),
                )
    return None


def _partly(case: Case) -> Diagnosis | None:
    """Nothing was repeated, lost or overwritten: the effect is wrong by itself."""
    done = [d for d in case.deliveries if d.effect is not None]
    if not done:
        return None
    line = at(done[-1].effect)
    return Diagnosis(
        "wrong-effect",
        f"{capital(words(line))} changed the balance by something else than "
        f"what {case.who(done[-1].message)} asks for.",
        line,
    )


RULES: tuple[Callable[[Case], Diagnosis | None], ...] = (_applied_twice, _lost, _overwritten, _partly)
