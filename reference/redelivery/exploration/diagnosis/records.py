"""Rules for handlers that have an effect and keep a mark of it: applied twice, lost, overwritten."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Any

from ...simulation.choices import Choice, Kind
from ...simulation.operations import (
    DrawBytes,
    ReadAttempt,
    RedisFailure,
    RedisReply,
    RedisTransaction,
    SqlResult,
    SqlStatement,
)
from ...simulation.process import Line
from ...simulation.sqlite_statements import first_keyword
from ...simulation.sqlite_store import rows_of
from ...simulation.world import Bounds
from ..replay import Event, Operation
from ..source import BROAD
from .case import (
    UNFINISHED,
    Case,
    Delivery,
    Diagnosis,
    added,
    asked_attempt,
    at,
    capital,
    deliveries_of,
    failure_of,
    gone,
    is_redis,
    last_line,
    lines_of,
    words,
)

# -- a time limit ------------------------------------------------------------------------------------------


def _effect_expired(case: Case) -> Diagnosis | None:
    """Time took away the effect itself."""
    for event, keys in case.expiries():
        lost = {key for key in keys if isinstance(key, tuple) and key[0] in case.effects}
        for delivery in case.deliveries:
            written = _wrote_key(delivery, lost, event.number)
            if written is not None and delivery.done:
                line = at(written)
                return Diagnosis(
                    "expiring-mark",
                    f"What {words(line)} wrote for {case.who(delivery.message)} had a time limit; when that had "
                    f"passed, it was as if the message had never been {case.did}.",
                    line,
                )
    return None


def _wrote_key(delivery: Delivery, keys: Collection[object], before: int) -> tuple[Event, Operation] | None:
    """The last operation before an event that wrote one of ``keys``."""
    found = None
    for event, operation in delivery.operations:
        new = {(name, row[0]) for name, _, rows in operation.changed for row in rows if row}
        if event.number < before and is_redis(operation) and new & set(keys):
            found = event, operation
    return found


def _too_late(case: Case, first: Delivery, second: Delivery, who: str) -> Diagnosis | None:
    """A lease ran out under its holder, or a mark before the duplicate came."""
    for event, keys in case.expiries():
        for holder, other in ((second, first), (first, second)):
            held = _wrote_key(holder, keys, event.number)
            if held is None:
                continue
            line = at(held)
            if (holder.effect_durable or 0) > event.number:
                return Diagnosis(
                    "overrun-lease",
                    f"The claim of {who} that {words(line)} took for {holder.process} ran out while {holder.process} "
                    f"was still at work; {other.process} took it, and both {case.did} it.",
                    line,
                    lines_of(at(holder.check), at(holder.effect)),
                )
            if holder is first and (second.effect_durable or 0) > event.number:
                if keys & case.locks and first.effect_durable is not None:
                    return _unmarked(case, first, second, who)
                return Diagnosis(
                    "expiring-mark",
                    f"What {words(line)} recorded of {who} had expired before the duplicate was worked on, and "
                    f"{words(at(second.effect))} {case.did} it again.",
                    line,
                    lines_of(at(second.check), at(second.effect)),
                )
    return None


def _row_too_late(case: Case, first: Delivery, second: Delivery, who: str) -> Diagnosis | None:
    """The same where the time limit stands in a row, so that somebody has to look at the clock and take the row over::

    holder: row written      @ time passes      other: row changed, both go on
    """
    for event in case.run.events:
        if event.kind != "time":
            continue
        for holder, other in ((second, first), (first, second)):
            taken = _taken_over(case, holder, event.number)
            if taken is None:
                continue
            written, changed = taken
            line = at(written)
            if (holder.effect_durable or 0) > changed[0].number > event.number and changed[0].delivery == other.number:
                return Diagnosis(
                    "overrun-lease",
                    f"The claim of {who} that {words(line)} took for {holder.process} ran out while {holder.process} "
                    f"was still at work; {other.process} took it ({words(at(changed))}), and both {case.did} it.",
                    line,
                    lines_of(at(changed), at(holder.effect)),
                )
            if holder is first and first.done and (second.effect_durable or 0) > changed[0].number:
                return Diagnosis(
                    "expiring-mark",
                    f"What {words(line)} recorded of {who} no longer counted when the duplicate came after its time "
                    f"({words(at(changed))}), and {words(at(second.effect))} {case.did} it again.",
                    line,
                    lines_of(at(changed), at(second.effect)),
                )
    return None


def forgotten_after_many(case: Case) -> Diagnosis | None:
    """With one message between a message and its duplicate all is right, and with many it is not."""
    scenario = case.run.scenario
    if scenario.near is None or not case.deliveries:
        return None
    near = case.what_if((), replace(scenario.near, prepare=scenario.prepare, opening=()))
    if near is None or not near.ended or near.wrong is not None:
        return None
    first, last = case.deliveries[0], case.deliveries[-1]
    removed = _mark_removed(case, first, last, case.who(first.message)) if first.done and last.done else None
    line = at(last.mark) or at(last.effect) or last_line([last])
    return removed or Diagnosis(
        "expiring-mark",
        f"{capital(case.who(first.message))} was known again after one other message, and no longer after "
        f"{scenario.between}: {words(line)} {case.did} it a second time.",
        line,
        lines_of(at(last.check), at(last.effect)),
    )


def _in_time_right(case: Case, first: Delivery, second: Delivery, who: str) -> Diagnosis | None:
    """Had no time passed, the duplicate would have been known."""
    ends, begins = first.effect_durable or 0, second.effect[0].number if second.effect else 0
    before = [e for e in case.run.events if e.number < begins]
    if not any(ends < e.number for e in before if e.kind == "time"):
        return None
    calm = case.what_if([e.choice for e in before if e.kind != "time"])
    if calm is None or not calm.ended or calm.wrong is not None:
        return None
    line = at(second.check) or at(second.effect)
    return Diagnosis(
        "expiring-mark",
        f"Time had passed since {who} was {case.did}, and what had been recorded of it no longer counted: "
        f"{words(at(second.effect))} {case.did} it again.",
        line,
        lines_of(at(first.mark), at(second.mark), at(second.effect)),
    )


def _mark_removed(case: Case, first: Delivery, second: Delivery, who: str) -> Diagnosis | None:
    """The delivery of another message, or the second one, took away what the first had marked: a memory of the newest,
    or of the youngest."""
    mine = {part: (e, o) for e, o in first.operations for part in added(o) if part[0] not in case.effects}
    if first.mark_durable is None or second.effect is None:
        return None
    others = [d for d in case.deliveries if d is second or case.who(d.message) != case.who(first.message)]
    for delivery in others:
        for event, operation in delivery.operations:
            instead = {(table, row[1:]) for table, row in added(operation)}  # a REPLACE takes away and puts back
            lost = [part for part in gone(operation) if part in mine and (part[0], part[1][1:]) not in instead]
            if not lost or not first.mark_durable < event.number <= second.effect[0].number:
                continue
            line = at((event, operation))
            return Diagnosis(
                "expiring-mark",
                f"{capital(words(line))} took away what {words(at(mine[lost[0]]))} had recorded of {who}; when the "
                f"duplicate came, {words(at(second.effect))} {case.did} it again.",
                line,
                lines_of(at(mine[lost[0]]), at(second.check), at(second.effect)),
            )
    return None


_Found = tuple[Event, Operation]


def _taken_over(case: Case, holder: Delivery, passed: int) -> tuple[_Found, _Found] | None:
    """Where a delivery wrote a row of marks before an event, and where somebody else changed or deleted it later."""
    mine: dict[tuple[str, tuple[object, ...]], _Found] = {}
    for event, operation in holder.operations:
        if event.number < passed and not is_redis(operation):
            for part in gone(operation):
                mine.pop(part, None)
            mine |= {part: (event, operation) for part in added(operation) if part[0] not in case.effects}
    if mine:
        for delivery in case.deliveries:
            if delivery is not holder:
                for event, operation in delivery.operations:
                    lost = [part for part in gone(operation) if part in mine] if event.number > passed else []
                    if lost:
                        return mine[lost[0]], (event, operation)
    return None


# -- applied twice -----------------------------------------------------------------------------------------


def _applied_twice(case: Case) -> Diagnosis | None:
    for messages in case.intents():
        done = [d for message in messages for d in case.of(message) if d.done]
        if len(done) >= 2:
            first, second = sorted(done, key=lambda d: d.effect_durable or 0)[:2]
            if case.who(first.message) == case.who(second.message):
                return _why_twice(case, first, second, case.who(first.message))
            who = "the request of messages {} and {}".format(
                *(case.run.scenario.messages[d.message][0] for d in (first, second))
            )
            return _from_message_id(case, first, second) or _why_twice(case, first, second, who)
    return None


def _from_message_id(case: Case, first: Delivery, second: Delivery) -> Diagnosis | None:
    """The code knows a message again, but not another one that asks for the same."""
    one, other = (case.run.scenario.messages[d.message] for d in (first, second))
    both = _had_effect(case, [one, other])
    if both != [True, True] or _repeats(case, one):
        return None
    line = at(second.mark) or at(second.effect)
    asked = next((o.line for _, o in second.operations if isinstance(o.request, ReadAttempt)), None)
    how = f"{words(line)} recorded each under a key of its own"
    if second.mark is None and asked:
        how = f"{words(asked)} asked whether the queue had delivered each before, and it had not"
    return Diagnosis(
        "key-from-message-id",
        f"Messages {one[0]} and {other[0]} ask for the same; {how}, and both were {case.did}.",
        case.source.key_line(line),
        lines_of(line, at(second.check)),
    )


Message = tuple[str, dict[str, Any]]


def _had_effect(case: Case, messages: Sequence[Message]) -> list[bool] | None:
    """Which of these messages have an effect when they come one after the other, undisturbed."""
    scenario = replace(case.run.scenario, messages=list(messages), expected_dead=0)
    run = case.what_if((), scenario)
    if run is None or not run.ended:
        return None
    deliveries = deliveries_of(run)
    return [any(d.message == number and d.done for d in deliveries) for number in range(len(messages))]


def _repeats(case: Case, message: Message) -> bool:
    """Whether a message whose acknowledgement is lost has its effect again."""
    alone = replace(case.run.scenario, messages=[message], bounds=Bounds(consumers=1), expected_dead=0)
    calm = case.what_if((), alone)
    if calm is None or not calm.schedule:
        return False
    lost = (*calm.schedule[:-1], Choice(Kind.LOST, calm.schedule[-1].process))
    again = case.what_if(lost, alone)
    return again is not None and sum(d.done for d in deliveries_of(again)) > 1


def _why_twice(case: Case, first: Delivery, second: Delivery, who: str) -> Diagnosis:
    effect = at(second.effect)
    asked = asked_attempt(second) or asked_attempt(first)
    claims = case.claims(second)
    looked = second.check or (claims[0] if claims else None)
    late = _too_late(case, first, second, who) or _row_too_late(case, first, second, who)
    late = late or _mark_removed(case, first, second, who) or _in_time_right(case, first, second, who)
    if late is not None:
        return late
    undone = next((d for d in case.of(second.message) if d.taken_back), None)
    if undone is not None:
        return Diagnosis(
            "effect-before-mark",
            f"{capital(words(effect))} {case.did} {who} before the code knew whether it was done; the consumer "
            f"{UNFINISHED.get(second.end, 'went on')} before it could take that back.",
            effect,
            lines_of(at(undone.wrote)),
        )
    if not (first.mark or looked):
        return _nothing_recorded(case, first, second, who, asked)
    keys = case.marks(first), case.marks(second)
    if keys[0] and keys[1] and not keys[0] & keys[1] and first.message == second.message:
        line = asked or case.source.key_line(at(second.mark))
        return Diagnosis(
            "key-from-delivery",
            f"The two deliveries of {who} were recorded under different keys ({_one(keys[0])} and {_one(keys[1])}), so "
            f"neither stopped the other; both {case.did} it.",
            line,
            lines_of(at(second.mark), at(second.check)),
        )
    if looked is None:
        if asked:
            return _by_the_flag(case, asked, who)
        return _nothing_recorded(case, first, second, who, asked)
    refused = second.effect and next(
        (o for e, o in second.operations if e.number > second.effect[0].number and _is_conflict(o, with_commands=True)),
        None,
    )
    looks = second.effect is not None and bool(second.effect[1].reads - case.effects)  # WHERE NOT EXISTS (…)
    unlooked = second.check is None and not looks
    if second.effect and (refused or (unlooked and second.effect[0].number < looked[0].number)):
        found = refused.line if refused else at(looked)
        return Diagnosis(
            "effect-before-mark",
            f"{capital(words(effect))} {case.did} {who} before {words(found)} could find out if it was done.",
            effect,
            lines_of(found),
        )
    recorded = first.mark_durable or (None if any(map(case.claims, case.deliveries)) else first.effect_durable)
    if recorded is not None and recorded < looked[0].number:
        return _not_stopped(case, first, second, who, asked)
    if first.events[-1].number > looked[0].number and not _only_mark_missing(first, looked[0].number):
        return _overtaken(case, first, second, who, looked)
    return _unmarked(case, first, second, who, at(first.mark), at(second.mark), at(looked))


def _unmarked(case: Case, first: Delivery, second: Delivery, who: str, *about: Line | None) -> Diagnosis:
    """The first delivery ended between its effect and its mark."""
    how = UNFINISHED.get(first.end, "went on")
    return Diagnosis(
        "effect-before-mark",
        f"{capital(words(at(first.effect)))} {case.did} {who} durably, the consumer {how} before a mark "
        f"was durable; the next delivery {case.did} it again.",
        at(first.effect),
        lines_of(*about) if about else lines_of(*(at(found) for found in case.lasting_marks(second))),
    )


def _only_mark_missing(first: Delivery, looked: int) -> bool:
    """Check and effect were one atomic step, durable when the other looked; the mark had been left for later."""
    atomic = first.check is None or (first.effect is not None and _in_one_transaction(first, first.check, first.effect))
    return atomic and first.effect_durable is not None and first.effect_durable < looked


def _in_one_transaction(delivery: Delivery, start: tuple[Event, Operation], end: tuple[Event, Operation]) -> bool:
    """Whether a transaction was open at one statement, and had not ended before the other."""
    if not start[0].in_transaction:
        return False
    between = [o.told for e, o in delivery.operations if start[0].number <= e.number < end[0].number]
    return all(told.in_transaction for told in between if isinstance(told, SqlResult))


def _is_conflict(operation: Operation, with_commands: bool = False) -> bool:
    """A Redis transaction (that would have done something) was given up because a watched key had been touched."""
    request, told = operation.request, operation.told
    if not isinstance(request, RedisTransaction) or (with_commands and not request.commands):
        return False
    return isinstance(told, RedisReply) and told.value is None


def _refusal(operation: Operation) -> str | None:
    """The text of an error that the operation met, a lock error excepted."""
    failure = failure_of(operation)
    if failure is not None:
        return None if failure.is_lock else failure.text
    value = operation.told.value if isinstance(operation.told, RedisReply) else None
    values = value if isinstance(value, tuple) else (value,)
    return next((v.text for v in values if isinstance(v, RedisFailure)), None)


def _one(values: frozenset[str]) -> str:
    return sorted(values)[0]


def _nothing_recorded(case: Case, first: Delivery, second: Delivery, who: str, asked: Line | None) -> Diagnosis:
    if asked:
        return _by_the_flag(case, asked, who)
    effect = at(second.effect)
    if case.remembers:
        how = f"{second.process} " + (
            "lost it in a restart" if second.process == first.process else "has a memory of its own"
        )
        return Diagnosis(
            "memory-in-process",
            f"That {who} was done stood in {case.memory_name()} of {first.process} alone; {how} and {case.did} it "
            "again.",
            case.memory_line() or effect,
            lines_of(effect),
        )
    return Diagnosis(
        "no-duplicate-check",
        f"Nothing was recorded when {who} was done, so {words(effect)} {case.did} it again.",
        effect,
    )


def _by_the_flag(case: Case, asked: Line, who: str) -> Diagnosis:
    if any(isinstance(o.request, DrawBytes) and o.line == asked for d in case.deliveries for _, o in d.operations):
        return Diagnosis(
            "key-from-delivery",
            f"{capital(words(asked))} makes something new for each delivery, which no other delivery finds again; "
            f"{who} was {case.did} twice.",
            asked,
        )
    return Diagnosis(
        "key-from-delivery",
        f"{capital(words(asked))} goes by what the queue says of the delivery; {who} was delivered twice and "
        f"{case.did} twice.",
        asked,
    )


def _overtaken(case: Case, first: Delivery, second: Delivery, who: str, looked: tuple[Event, Operation]) -> Diagnosis:
    mark = f" ({words(at(first.mark))})" if first.mark else ""
    return Diagnosis(
        "check-then-act",
        f"{capital(words(at(looked)))} looked for {who} before the other consumer had marked it{mark}; both "
        f"{case.did} it.",
        at(looked),
        lines_of(at(first.mark), at(second.effect)),
    )


def _not_stopped(case: Case, first: Delivery, second: Delivery, who: str, asked: Line | None) -> Diagnosis:
    """The mark was there when the second delivery looked, and it went on all the same."""
    effect = at(second.effect)
    if first.mark is not None and is_redis(first.mark[1]) and not case.keeps(first):
        return Diagnosis(
            "no-duplicate-check",
            f"What {words(at(first.mark))} recorded of {who} was deleted before the duplicate came, so {words(effect)} "
            f"{case.did} it again.",
            effect,
            lines_of(at(first.mark)),
        )
    thrown_away = _thrown_away(case, first, second)
    if thrown_away is not None:
        return Diagnosis(
            "no-duplicate-check",
            f"What {words(at(first.mark))} recorded of {who} was deleted by {words(thrown_away)} for another message "
            f"before the duplicate came, so {words(effect)} {case.did} it again.",
            thrown_away,
            lines_of(at(first.mark), effect),
        )
    if asked and second.check is None:
        return _by_the_flag(case, asked, who)
    for event, operation in case.claims(second):
        if second.effect is not None and second.effect[0].number < event.number:
            break
        if second.check is not None and second.effect and operation is second.effect[1] and _answered(second.check[1]):
            break  # it had found the mark, and went on: what its own transaction added makes no difference
        refused = _refusal(operation)
        if refused is not None:
            caught = case.source.swallower(operation.stack)
            return Diagnosis(
                "swallowed-error",
                f"{capital(words(operation.line))} was refused ({refused}), and the code {case.did} {who} all the "
                "same.",
                caught[0] if caught else operation.line,
                lines_of(operation.line, effect),
            )
        written = operation.touched - case.effects
        if written or (isinstance(operation.told, SqlResult) and operation.told.rowcount > 0):
            return Diagnosis(
                "replace-as-claim",
                f"{capital(words(operation.line))} replaced the row of the first delivery of {who} instead of "
                f"failing; both deliveries {case.did} it.",
                operation.line,
                lines_of(effect),
            )
        if isinstance(operation.told, SqlResult | RedisReply):
            return Diagnosis(
                "ignored-count",
                f"{capital(words(operation.line))} added nothing for the second delivery of {who}, and nobody looked: "
                f"{words(effect)} {case.did} it again.",
                operation.line,
                lines_of(effect),
            )
    if asked:
        return _by_the_flag(case, asked, who)
    check = at(second.check)
    found = second.check is not None and _answered(second.check[1])
    what = "found it" if found else "found nothing"
    return Diagnosis(
        "no-duplicate-check",
        f"{capital(who)} was marked when {words(check)} looked; it {what}, and {words(effect)} {case.did} it again.",
        check or effect,
        lines_of(effect),
    )


def _thrown_away(case: Case, first: Delivery, second: Delivery) -> Line | None:
    """Where a delivery of another message deleted the row that the first delivery had left as its mark."""
    rows = {part for _, o in first.operations for part in added(o) if part[0] not in case.effects}
    for delivery in case.deliveries:
        if delivery.message not in (first.message, second.message):
            for event, operation in delivery.operations:
                if event.number < second.events[-1].number and rows & gone(operation) - added(operation):
                    return operation.line or event.line
    return None


def _answered(operation: Operation) -> bool:
    """Whether a question brought anything to light."""
    told = operation.told
    return bool(told.rows if isinstance(told, SqlResult) else isinstance(told, RedisReply) and told.value)


# -- lost --------------------------------------------------------------------------------------------------


def _lost(case: Case) -> Diagnosis | None:
    for messages in case.intents():
        mine = [d for d in case.deliveries if d.message in messages]
        if any(d.done for d in mine):
            continue
        enders = [d for d in mine if d.end in ("ack", "lost ack")] or [d for d in mine if d.end == "stale ack"]
        if enders:
            return _why_lost(case, mine, enders[-1], enders[-1].message)
    return None


def _why_lost(case: Case, mine: list[Delivery], ender: Delivery, message: int) -> Diagnosis:
    who = case.who(message)
    conflict = next((o for d in reversed(mine) for _, o in reversed(d.operations) if _is_conflict(o)), None)
    if conflict is not None and any(o is conflict for _, o in ender.operations):
        caught = case.source.swallower(conflict.stack, _CONFLICTS)
        return Diagnosis(
            "swallowed-conflict",
            f"Somebody else had touched what the transaction of {words(conflict.line)} watched (WatchError); nothing "
            f"was done for {who}, and the code let it be acknowledged.",
            caught[0] if caught else conflict.line,
            lines_of(conflict.line),
        )
    unread = _not_read(case, ender)
    if unread is not None:
        return unread
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
            f"{capital(words(at(ender.effect)))} {case.did} {who} in a transaction that was never committed; it was "
            "rolled back, and the message acknowledged.",
            line,
            lines_of(at(ender.effect)),
        )
    tries = [(e, o) for e, o in ender.operations if o.writes]
    looked = ender.check or next(iter(case.claims(ender) or tries), None)
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
    others = [d for d in case.deliveries if d not in mine and (d.mark_durable or d.effect_durable) is not None]
    refused = [(e, o) for e, o in failures if (f := failure_of(o)) and f.name == "IntegrityError"]
    taken = None if failures and not refused else _taken_for(case, others, ender, refused[-1] if refused else looked)
    if taken is not None:
        return taken
    others = [d for d in others if d.mark_durable is not None]
    if others and (refused or (looked is not None and not failures)):
        return _same_key(case, others, message, refused[-1] if refused else looked)
    failed = next((o for _, o in reversed(ender.operations) if failure_of(o) or _refusal(o)), None)
    if failed is not None:
        caught = case.source.swallower(failed.stack)
        return Diagnosis(
            "swallowed-error",
            f"{capital(words(failed.line))} failed ({_refusal(failed) or 'database is locked'}); the code went on, and "
            f"{who} was acknowledged without being {case.did}.",
            caught[0] if caught else failed.line,
            lines_of(failed.line),
        )
    if case.remembers:
        return Diagnosis(
            "memory-in-process",
            f"{ender.process} acknowledged {who}, which had not been {case.did}: all that was kept is in "
            f"{case.memory_name()}, in the memory of its process.",
            case.memory_line() or last_line([ender]),
        )
    missed = next((o for _, o in ender.operations if o.writes & case.effects), None)
    if missed is not None and not is_redis(missed):
        return Diagnosis(
            "wrong-effect",
            f"{capital(words(missed.line))} changed no row for {who}, which was acknowledged without being {case.did}.",
            missed.line,
        )
    return Diagnosis(
        "acknowledged-without-effect",
        f"The handler returned, which acknowledged {who}, without anything done for it.",
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
        f'{capital(words(operation.line))} met "database is locked"; {where}, and {who} was acknowledged without being '
        f"{case.did}.",
        line,
        lines_of(operation.line),
    )


def _mark_without_effect(case: Case, first: Delivery, looked: tuple[Event, Operation], who: str) -> Diagnosis:
    how = UNFINISHED.get(first.end, "had not finished")
    lasting = case.lasting_marks(first) if case.locks else []
    mark = at(lasting[0] if lasting else first.mark)
    if case.releases and not lasting:
        return Diagnosis(
            "unreleased-claim",
            f"{capital(words(mark))} claimed {who}, the consumer {how}, and the claim stayed; the next "
            "delivery found it and did nothing.",
            mark,
            lines_of(at(looked)),
        )
    return Diagnosis(
        "mark-before-effect",
        f"{capital(words(mark))} made the mark of {who} durable, the consumer {how} before it was "
        f"{case.did}; the next delivery found the mark and did nothing.",
        mark,
        lines_of(at(looked)),
    )


_CONFLICTS = BROAD | {"WatchError", "RedisError"}


def _not_read(case: Case, ender: Delivery) -> Diagnosis | None:
    """An undisturbed delivery adds what the closing calls read, and they make nothing of it."""
    calm = next((d for d in case.undisturbed if d.message == ender.message), None)
    if calm is None or calm.done or ender.wrote is None or not case.run.answering:
        return None
    if any(gone(o) for d in (calm, ender) for _, o in d.operations) or not added(ender.wrote[1]):
        return None
    line = case.run.answering[-1].line
    return Diagnosis(
        "wrong-effect",
        f"{capital(words(at(ender.wrote)))} wrote down {case.who(ender.message)}, and {words(line)} makes nothing of "
        "it.",
        line,
        lines_of(at(ender.wrote)),
    )


def _taken_for(
    case: Case, others: list[Delivery], ender: Delivery, looked: tuple[Event, Operation] | None
) -> Diagnosis | None:
    """The message was taken for another one. What of that one made it so shows when it is changed: its content, or that
    by which the two differ."""
    scenario = case.run.scenario
    identity, body = scenario.messages[ender.message]
    line = at(looked) or last_line([ender])

    def is_lost_after(other: Message) -> bool:
        return (_had_effect(case, [other, (identity, body)]) or [True, True])[1] is False

    for number in dict.fromkeys(d.message for d in others):
        name, its = scenario.messages[number]
        if not is_lost_after((name, its)):
            continue
        who, whose = case.who(ender.message), case.who(number)
        identifying = {
            f
            for f in its
            if scenario.intent and scenario.intent(name, {**its, f: _unlike(its[f])}) != (scenario.intent(name, its))
        }
        content = {f: v if f in identifying else _unlike(v) for f, v in its.items()}
        made = case.source.key_line(line)
        apart = {f: _unlike(v) if f in identifying and body.get(f) != v else v for f, v in its.items()}
        alike = Diagnosis(
            "key-collision",
            f"{capital(words(line))} took {who} for {whose}: their keys look the same.",
            made,
            lines_of(line),
        )
        by_name = not is_lost_after((name, apart) if identifying else ("zebra-77", its))
        if not is_lost_after((name, content)):
            if by_name and body != its:  # both are in the key, and read the same when they are joined
                return alike
            same = ", ".join(f"{f} {body[f]!r}" for f in body if f not in identifying and body[f] == its.get(f))
            return Diagnosis(
                "key-from-payload",
                f"{capital(whose)} and {who} are different, with equal content ({same}); {words(line)} took the second "
                "for a duplicate of the first.",
                made,
                lines_of(line),
            )
        if by_name:
            return alike
        if identifying:
            differ = " and ".join(f for f in its if f in identifying and body.get(f) != its[f])
            return Diagnosis(
                "key-too-narrow",
                f"{capital(whose)} and {who} differ in their {differ}, which is no part of the key; {words(line)} took "
                "the second for a duplicate of the first.",
                made,
                lines_of(line),
            )
    return None


def _unlike(value: object) -> object:
    """A value that nobody would take for ``value``."""
    return value * 2 + 9001 if isinstance(value, int) else "zebra-77"


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
    done = [d for d in case.deliveries if d.effect_durable is not None]
    for delivery in case.deliveries:
        wrote, durable = delivery.wrote, delivery.wrote_durable
        if wrote is None or durable is None or _as_asked(case, delivery):
            continue
        reads = [(e, o) for e, o in delivery.operations if o.reads and not o.writes and e.number < wrote[0].number]
        for other in done:
            if other is delivery:
                continue
            for event, read in reads:
                between = _wrote_between(other, read.reads, event.number, durable)
                if between and (read.reads & case.effects or case.run.answering):
                    line = at(wrote)
                    return Diagnosis(
                        "lost-update",
                        f"{capital(words(read.line or event.line))} read the state before {case.who(other.message)} "
                        f"was {case.did}; {words(line)} wrote back a sum without it.",
                        line,
                        lines_of(read.line or event.line),
                    )
    return None


def _wrote_between(delivery: Delivery, tables: frozenset[str], start: int, end: int) -> bool:
    """Whether a delivery changed one of ``tables`` durably between two events."""
    if not start < (delivery.effect_durable or 0) < end:
        return False
    return any(tables & (o.writes | o.touched) for e, o in delivery.operations if e.number < end)


def _as_asked(case: Case, delivery: Delivery) -> bool:
    """Where the answers say what an effect is worth: whether this one is that of an undisturbed message."""
    if not case.run.answering:
        return False
    group = next(g for g in case.intents() if delivery.message in g)
    calm = next((d for d in case.undisturbed if d.message in group and d.done), None)
    if calm is not None and calm.net == delivery.net:
        return True
    return not delivery.net and any(d.done and d is not delivery for d in case.deliveries if d.message in group)


def _partly(case: Case) -> Diagnosis | None:
    """Nothing was repeated, lost or overwritten: the effect is wrong by itself."""
    failed = next((row for row in rows_of(case.run.final, "answers") if row[2]), None)
    if failed is not None and case.run.closing:
        line = next((o.line for o in reversed(case.run.closing) if o.line), None)
        return Diagnosis("wrong-effect", f"{failed[0]!s} ended in {failed[2]!s}, after {words(line)}.", line)
    done = [d for d in case.deliveries if d.effect is not None]
    if not done:
        return None
    line = at(done[-1].effect)
    amount = case.run.scenario.messages[done[-1].message][1].get("amount")
    if case.run.answering and any(_holds(o, amount) for _, o in done[-1].operations if o.writes):
        line = case.run.answering[-1].line
        return Diagnosis(
            "wrong-effect",
            f"{capital(words(at(done[-1].effect)))} wrote down what {case.who(done[-1].message)} asks for, and "
            f"{words(line)} makes something else of it.",
            line,
            lines_of(at(done[-1].effect)),
        )
    return Diagnosis(
        "wrong-effect",
        f"{capital(words(line))} made something else of {case.who(done[-1].message)} than it asks for.",
        line,
    )


def _holds(operation: Operation, amount: object) -> bool:
    """Whether a row that was written holds the amount."""
    return any(str(amount) in map(str, row) for _, _, rows in operation.changed for row in rows)


def _answered_wrongly(case: Case) -> Diagnosis | None:
    """A reader that was asked in between does not say what has been acknowledged by then."""
    run = case.run
    last = run.events[-1] if run.events else None
    if last is None or last.state is None or not last.state.heard or "in between" not in (run.wrong or ""):
        return None
    earlier = [e for e in run.events[:-1] if e.kind == "end" and e.process == last.process]
    mine = [o for e in run.events if e.delivery == last.delivery for o in e.operations]
    if earlier and (run.remembering or run.remembers):
        line = case.memory_line()
        return Diagnosis(
            "memory-in-process",
            f"The process that was asked had answered before, and kept in {case.memory_name()} what others have "
            f"changed since: {run.wrong}.",
            line,
            lines_of(*(o.line for o in mine)),
        )
    line = next((o.line for o in reversed(mine) if o.line), None)
    how = "does not find what is done" if "not an int" not in (run.wrong or "") else "has no right answer"
    return Diagnosis("wrong-effect", f"Asked in between, {words(line)} {how}: {run.wrong}.", line)


RULES: tuple[Callable[[Case], Diagnosis | None], ...] = (
    _answered_wrongly,
    forgotten_after_many,
    _effect_expired,
    _applied_twice,
    _overwritten,
    _lost,
    _partly,
)
