"""From a counterexample to the name of the mistake, the line that made it, and one sentence.

A rule looks at what happened in the run: who read what before whom wrote it, what was durable when a process
died, what an acknowledgement covered. It never looks at the learner's text. Where no rule fits, the diagnosis is
``unclassified``: the timeline still shows what happened.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..simulation.operations import ReadAttempt, SqlFailure, SqlResult, SqlStatement
from ..simulation.process import Line
from .replay import Event, Operation, Run
from .verdict import Stuck

#: Every name that a diagnosis can have, with the explanation that the glossary gives.
DIAGNOSES: dict[str, str] = {
    "check-then-act": "The code looks whether the message is done, then acts, and another delivery gets in between: "
    "both find nothing, both act. Check, effect and mark have to be one atomic step.",
    "effect-before-mark": "The effect is durable before the mark is. When the consumer dies, or its mark fails, in "
    "between, the message comes again and nothing says that it was done.",
    "mark-before-effect": "The mark is durable before the effect is. When the consumer dies, or gives up, in between, "
    "the message comes again, is taken for done, and its effect never happens.",
    "unreleased-claim": "A consumer claims the message, dies, and nobody takes the claim back: the next delivery "
    "finds it claimed and can neither do the work nor finish.",
    "no-duplicate-check": "Nothing in the code tells a message that was done from one that was not. Each delivery "
    "has its effect again.",
    "memory-in-process": "What was done is remembered in the memory of a process. Another consumer does not share "
    "it, and a restart loses it.",
    "key-from-delivery": "The key, or the decision, comes from the delivery (attempt, redelivered, a new id each "
    "time), not from the message. Two deliveries of one message then look like two messages, or the reverse.",
    "key-from-payload": "The key comes from the message's content. Two messages with equal content are two orders to "
    "act, and one of them is dropped.",
    "key-collision": "Two different ids become the same key (letter case, a prefix, a shortened hash), and a message "
    "that was never done is taken for done.",
    "ignored-count": "The insert that should claim the message does nothing on a duplicate, and nobody looks at how "
    "many rows it added. The code goes on as if the claim had succeeded.",
    "replace-as-claim": "The claim overwrites the row of the earlier delivery instead of failing, so it never says no.",
    "swallowed-lock-error": 'The database answered "database is locked", the code caught that and went on as if the '
    "work were done. The message is acknowledged and its effect is missing.",
    "swallowed-error": "An error was caught, nothing was done about it, and the message was acknowledged without its "
    "effect.",
    "uncommitted-effect": "The effect was still in an open transaction when the handler returned. Nobody commits "
    "it; it is rolled back, and the message is acknowledged.",
    "lost-update": "A value was read, changed in Python, and written back. What another message wrote in between is "
    "overwritten.",
    "wrong-effect": "Even without any fault or interleaving the effect is not what the message asks for.",
    "acknowledged-without-effect": "The handler returned, which acknowledges the message, without having done "
    "anything for it.",
    "poison-message": "The handler raises for this message each time it comes; after three exceptions it is moved to "
    "the dead-letter queue, and its effect is missing.",
    "never-acknowledged": "The message is returned to the queue each time it comes and never gets done.",
    "endless-loop": "The handler neither returns nor asks for anything any more.",
    "dead-lock": "The consumers wait for each other, and none can go on.",
    "unclassified": "No rule of this course has a name for the mistake. The timeline shows what happened.",
}


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """``line`` is (file, line number) in the learner's source; ``others`` are further lines that had a part."""

    name: str
    sentence: str
    line: Line | None = None
    others: tuple[Line, ...] = ()


@dataclass(slots=True)
class _Delivery:
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
    """The first statement that read a table of marks, and changed nothing."""
    end: str = ""
    """The kind of its last event."""
    effects: int = 0
    """Committed statements that changed an effect table."""


def diagnose(run: Run, stuck: Stuck | None = None) -> Diagnosis:
    """What the mistake is. ``stuck``: the search's verdict, when the run is one that never comes to its end."""
    deliveries = _deliveries(run)
    if stuck is not None:
        return _diagnose_stuck(run, stuck, deliveries)
    for rule in _RULES:
        found = rule(run, deliveries)
        if found is not None:
            return found
    return Diagnosis("unclassified", f"{_capital(run.wrong or 'the run ends wrong')}.", _last_line(deliveries))


# -- reading the run ---------------------------------------------------------------------------------------


def _deliveries(run: Run) -> list[_Delivery]:
    found: dict[int, _Delivery] = {}
    for event in run.events:
        if event.delivery < 0:
            continue
        delivery = found.get(event.delivery)
        if delivery is None:
            delivery = found[event.delivery] = _Delivery(event.delivery, event.message, event.process, [], [])
        delivery.events.append(event)
        delivery.operations += [(event, operation) for operation in event.operations]
        if event.kind != "redeliver":
            delivery.end = event.kind
    for delivery in found.values():
        _note(delivery, run.scenario.effects)
    return list(found.values())


def _note(delivery: _Delivery, effect_tables: frozenset[str]) -> None:
    pending: list[tuple[str, Event, Operation]] = []
    for event, operation in delivery.operations:
        request = operation.request
        if not isinstance(request, SqlStatement):
            continue
        changed = {name for name, _, _ in operation.changed}
        if changed & effect_tables:
            pending.append(("effect", event, operation))
            delivery.effect = delivery.effect or (event, operation)
        if changed - effect_tables:
            pending.append(("mark", event, operation))
            delivery.mark = delivery.mark or (event, operation)
        if delivery.check is None and operation.reads - effect_tables and not operation.writes:
            delivery.check = (event, operation)
        if operation.committed:
            for what, _, _ in pending:
                if what == "effect":
                    delivery.effects += 1
                    delivery.effect_durable = delivery.effect_durable or event.number
                elif delivery.mark_durable is None:
                    delivery.mark_durable = event.number
            pending.clear()
        elif isinstance(operation.told, SqlResult) and not operation.told.in_transaction:
            pending.clear()
    # An autocommit statement is durable at once; it was noted above, since it is `committed`.


def _who(run: Run, message: int) -> str:
    return f"message {run.scenario.messages[message][0]}"


def _at(found: tuple[Event, Operation] | None) -> Line | None:
    return None if found is None else found[1].line or found[0].line


def _line_words(line: Line | None) -> str:
    return f"line {line[1]}" if line else "the code"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _last_line(deliveries: list[_Delivery]) -> Line | None:
    for delivery in reversed(deliveries):
        for event in reversed(delivery.events):
            if event.line:
                return event.line
    return None


def _of(deliveries: list[_Delivery], message: int) -> list[_Delivery]:
    return [d for d in deliveries if d.message == message]


def _asked_attempt(delivery: _Delivery) -> Line | None:
    return next((o.line for _, o in delivery.operations if isinstance(o.request, ReadAttempt)), None)


def _acknowledged(delivery: _Delivery) -> bool:
    return delivery.end in ("ack", "lost ack", "stale ack")


# -- applied twice -----------------------------------------------------------------------------------------


def _applied_twice(run: Run, deliveries: list[_Delivery]) -> Diagnosis | None:
    for message in range(len(run.scenario.messages)):
        done = sorted(
            (d for d in _of(deliveries, message) if d.effect_durable is not None),
            key=lambda d: d.effect_durable or 0,
        )
        if len(done) >= 2:
            return _why_twice(run, done[0], done[1], message)
    return None


def _why_twice(run: Run, first: _Delivery, second: _Delivery, message: int) -> Diagnosis:
    who = _who(run, message)
    effect = _at(second.effect)
    asked = _asked_attempt(second) or _asked_attempt(first)
    claims = _claims(second, run.scenario.effects)
    if not (first.mark or second.mark or second.check or claims):
        if asked:
            return Diagnosis(
                "key-from-delivery",
                f"{_capital(_line_words(asked))} decides by what the queue says of the delivery; {who} was delivered "
                f"twice and credited twice.",
                asked,
            )
        if run.remembers or run.memory_deliveries:
            return Diagnosis(
                "memory-in-process",
                f"What {first.process} remembered of {who} was not there when it was delivered again to "
                f"{'the restarted ' if second.process == first.process else ''}{second.process}; both credited it.",
                effect,
            )
        return Diagnosis(
            "no-duplicate-check",
            f"Nothing was recorded when {who} was done, so {_line_words(effect)} credited it again.",
            effect,
        )
    if asked and (second.mark is None or first.mark is None or _marks(first) != _marks(second)):
        return Diagnosis(
            "key-from-delivery",
            f"{_capital(_line_words(asked))} makes the key from the delivery, so the second delivery of {who} "
            "looked like another message; both were credited.",
            asked,
        )
    durable = first.mark_durable
    looked = second.check or (claims[0] if claims else None) or second.mark
    looked_at = looked[0].number if looked else 0
    if durable is not None and looked is not None and durable < looked_at:
        return _why_not_stopped(run, first, second, who)
    if first.mark is not None and _died(first) and (durable is None):
        pass
    if not _overlap(first, second, looked_at):
        mark_line = _at(first.mark) or _at(second.mark) or _at(looked)
        event = {"crash": "it crashed", "give back": "the handler raised", "dead letter": "the handler raised"}
        how = event.get(first.end, "the mark was not made")
        return Diagnosis(
            "effect-before-mark",
            f"{_capital(_line_words(_at(first.effect)))} made the credit of {who} durable, then {how} before a mark "
            f"was; the next delivery credited it again.",
            _at(first.effect),
            _lines(mark_line),
        )
    if second.check is None and second.effect and looked and second.effect[0].number < looked_at:
        return Diagnosis(
            "effect-before-mark",
            f"{_capital(_line_words(effect))} credited {who} before anything asked whether it was done already.",
            effect,
            _lines(_at(looked)),
        )
    return Diagnosis(
        "check-then-act",
        f"{_capital(_line_words(_at(looked)))} looked for {who} before the other consumer had marked it"
        f"{f' ({_line_words(_at(first.mark))})' if first.mark else ''}; both credited it.",
        _at(looked),
        _lines(_at(first.mark), effect),
    )


def _why_not_stopped(run: Run, first: _Delivery, second: _Delivery, who: str) -> Diagnosis:
    """The mark was there when the second delivery looked, and it went on all the same."""
    claims = _claims(second, run.scenario.effects)
    effect = _at(second.effect)
    marks_first, marks_second = _marks(first), _marks(second)
    if second.mark is not None and marks_first and marks_second and marks_first != marks_second:
        replaced = {name for name, gone, _ in second.mark[1].changed if gone}
        if not replaced:
            line = _asked_attempt(second) or _at(second.mark)
            return Diagnosis(
                "key-from-delivery",
                f"The two deliveries of {who} were recorded under different keys, so neither stopped the other.",
                line,
            )
    for event, operation in claims:
        told = operation.told
        if isinstance(told, SqlFailure):
            if second.effect is not None and second.effect[0].number < event.number:
                return Diagnosis(
                    "effect-before-mark",
                    f"{_capital(_line_words(effect))} credited {who} again before {_line_words(operation.line)} "
                    "found out that it was done.",
                    effect,
                    _lines(operation.line),
                )
            return Diagnosis(
                "swallowed-error",
                f"{_capital(_line_words(operation.line))} was refused ({told.text}), and the code credited {who} "
                "all the same.",
                operation.line,
                _lines(effect),
            )
        if operation.changed or (isinstance(told, SqlResult) and told.rowcount > 0):
            if second.effect is not None and second.effect[0].number < event.number and second.check is None:
                break
            return Diagnosis(
                "replace-as-claim",
                f"{_capital(_line_words(operation.line))} replaced the row of the first delivery of {who} instead of "
                "failing; both deliveries credited it.",
                operation.line,
                _lines(effect),
            )
        if (second.effect is not None and second.effect[0].number > event.number) or second.effect is None:
            return Diagnosis(
                "ignored-count",
                f"{_capital(_line_words(operation.line))} added no row for the second delivery of {who}, and nobody "
                f"looked: {_line_words(effect)} credited it again.",
                operation.line,
                _lines(effect),
            )
    if claims and second.check is None:
        return Diagnosis(
            "effect-before-mark",
            f"{_capital(_line_words(effect))} credited {who} again, and only then was its mark looked at.",
            effect,
            _lines(_at(claims[0])),
        )
    asked = _asked_attempt(second)
    if asked:
        return Diagnosis(
            "key-from-delivery",
            f"{_capital(_line_words(asked))} goes by what the queue says of the delivery; {who} was credited twice.",
            asked,
        )
    check = _at(second.check)
    return Diagnosis(
        "unclassified",
        f"{_capital(who)} was marked when {_line_words(check)} looked, and was credited again all the same.",
        check or effect,
        _lines(effect),
    )


def _claims(delivery: _Delivery, effect_tables: frozenset[str]) -> list[tuple[Event, Operation]]:
    """Statements that wrote, or tried to write, a table of marks."""
    return [(e, o) for e, o in delivery.operations if o.writes - effect_tables]


def _marks(delivery: _Delivery) -> frozenset[object]:
    """The values of the rows that the delivery added to tables of marks."""
    found: set[object] = set()
    if delivery.mark is not None:
        for _, gone, new in delivery.mark[1].changed:
            found |= {row[1:] if len(row) > 1 else row for row in (*new,)}
            del gone
    return frozenset(found)


def _died(delivery: _Delivery) -> bool:
    return delivery.end in ("crash", "give back", "dead letter")


def _overlap(first: _Delivery, second: _Delivery, looked_at: int) -> bool:
    """Whether the first delivery was still under way when the second one looked."""
    last = first.events[-1]
    return last.number > looked_at


def _lines(*lines: Line | None) -> tuple[Line, ...]:
    return tuple(dict.fromkeys(line for line in lines if line))


# -- lost --------------------------------------------------------------------------------------------------


def _lost(run: Run, deliveries: list[_Delivery]) -> Diagnosis | None:
    for message in range(len(run.scenario.messages)):
        mine = _of(deliveries, message)
        if any(d.effect_durable is not None for d in mine):
            continue
        enders = [d for d in mine if d.end in ("ack", "lost ack")] or [d for d in mine if _acknowledged(d)]
        if enders:
            return _why_lost(run, mine, enders[-1], message, deliveries)
    return None


def _why_lost(
    run: Run, mine: list[_Delivery], ender: _Delivery, message: int, deliveries: list[_Delivery]
) -> Diagnosis:
    who = _who(run, message)
    last = ender.events[-1]
    failures = [(e, o) for e, o in ender.operations if isinstance(o.told, SqlFailure)]
    locks = [(e, o) for e, o in failures if isinstance(o.told, SqlFailure) and o.told.is_lock]
    if locks:
        line = _at(locks[-1])
        return Diagnosis(
            "swallowed-lock-error",
            f'{_capital(_line_words(line))} met "database is locked"; the code went on, and {who} was acknowledged '
            "without its credit.",
            line,
        )
    if ender.effect is not None and ender.effect_durable is None:
        line = _at(ender.effect)
        return Diagnosis(
            "uncommitted-effect",
            f"{_capital(_line_words(line))} credited {who} in a transaction that was still open at the end; it was "
            "rolled back, and the message acknowledged.",
            line,
        )
    earlier = [d for d in mine if d is not ender and d.mark_durable is not None]
    looked = ender.check or next(iter(_claims(ender, run.scenario.effects)), None)
    if earlier and looked is not None:
        first = earlier[0]
        released = any(gone for d in deliveries for _, o in d.operations for _, gone, _ in _mark_changes(run, o))
        name = "unreleased-claim" if released else "mark-before-effect"
        how = {"crash": "crashed", "give back": "gave up", "dead letter": "gave up"}.get(first.end, "had not finished")
        return Diagnosis(
            name,
            f"{_capital(_line_words(_at(first.mark)))} made the mark of {who} durable, and the consumer {how} before "
            f"the credit; the next delivery found the mark and did nothing.",
            _at(first.mark),
            _lines(_at(looked)),
        )
    asked = _asked_attempt(ender)
    if asked and not (earlier or failures):
        return Diagnosis(
            "key-from-delivery",
            f"{_capital(_line_words(asked))} took the second delivery of {who} for one that was done already.",
            asked,
        )
    others = [d for d in deliveries if d.message != message and d.mark_durable is not None and d.number != ender.number]
    if looked is not None and others and not failures:
        return _same_key(run, ender, others, message, looked)
    if failures:
        failed = failures[-1][1]
        assert isinstance(failed.told, SqlFailure)
        if others and failed.told.name == "IntegrityError":
            return _same_key(run, ender, others, message, failures[-1])
        return Diagnosis(
            "swallowed-error",
            f"{_capital(_line_words(failed.line))} failed ({failed.told.text}); the code went on, and {who} was "
            "acknowledged without its credit.",
            failed.line,
        )
    if ender.number in run.memory_deliveries or run.remembers:
        return Diagnosis(
            "memory-in-process",
            f"{ender.process} remembered something that made it take {who} for done, but no credit had been made.",
            last.line or _last_line(mine),
        )
    return Diagnosis(
        "acknowledged-without-effect",
        f"The handler returned without a credit for {who}, which acknowledged it.",
        last.line or _last_line([ender]),
    )


def _mark_changes(
    run: Run, operation: Operation
) -> list[tuple[str, tuple[tuple[object, ...], ...], tuple[tuple[object, ...], ...]]]:
    return [change for change in operation.changed if change[0] not in run.scenario.effects]


def _same_key(
    run: Run, ender: _Delivery, others: list[_Delivery], message: int, looked: tuple[Event, Operation]
) -> Diagnosis:
    messages = run.scenario.messages
    other = others[0]
    same_body = [d for d in others if messages[d.message][1] == messages[message][1]]
    other = same_body[0] if same_body else other
    values = " ".join(
        str(value).lower() for row in _marks(other) for value in (row if isinstance(row, tuple) else (row,))
    )
    ids = (messages[message][0].lower(), messages[other.message][0].lower())
    line = _at(looked)
    if same_body and not any(identity in values for identity in ids):
        return Diagnosis(
            "key-from-payload",
            f"{_capital(_who(run, other.message))} and {_who(run, message)} ask for the same, and "
            f"{_line_words(line)} took the second for a duplicate of the first.",
            line,
        )
    return Diagnosis(
        "key-collision",
        f"{_capital(_line_words(line))} took {_who(run, message)} for {_who(run, other.message)}: their keys are the same.",
        line,
    )


# -- lost update, wrong effect -----------------------------------------------------------------------------


def _overwritten(run: Run, deliveries: list[_Delivery]) -> Diagnosis | None:
    """Every message took effect once, and yet the sum is wrong."""
    done = [d for d in deliveries if d.effect_durable is not None and d.effect is not None]
    for delivery in done:
        read = next(((e, o) for e, o in delivery.operations if o.reads & run.scenario.effects and not o.writes), None)
        if read is None:
            continue
        for other in done:
            if other is delivery or other.effect_durable is None or delivery.effect is None:
                continue
            if read[0].number < other.effect_durable < (delivery.effect_durable or 0):
                line = _at(delivery.effect)
                return Diagnosis(
                    "lost-update",
                    f"{_capital(_line_words(_at(read)))} read the balance before {_who(run, other.message)} was credited, "
                    f"{_line_words(line)} wrote back a sum without it.",
                    line,
                    _lines(_at(read)),
                )
    return None


def _partly(run: Run, deliveries: list[_Delivery]) -> Diagnosis | None:
    """One delivery's effect is wrong by itself."""
    done = [d for d in deliveries if d.effect is not None]
    if not done:
        return None
    delivery = done[-1]
    line = _at(delivery.effect)
    return Diagnosis(
        "wrong-effect",
        f"{_capital(_line_words(line))} changed the balance by something else than what {_who(run, delivery.message)} "
        "asks for.",
        line,
    )


# -- stuck -------------------------------------------------------------------------------------------------


def _diagnose_stuck(run: Run, stuck: Stuck, deliveries: list[_Delivery]) -> Diagnosis:
    if stuck.reason == "hung":
        line = next((e.line for e in reversed(run.events) if e.line), None) or _hung_line(run)
        return Diagnosis("endless-loop", f"The handler never comes back: {run.hung or stuck.detail}.", line)
    last = run.events[-1] if run.events else None
    claimed = [d for d in deliveries if d.end == "crash" and d.mark_durable is not None and d.effect_durable is None]
    if stuck.reason == "poison" and run.dead:
        message = run.dead[0]
        tries = [d for d in _of(deliveries, message) if d.end in ("give back", "dead letter")]
        raised = tries[-1].events[-1].raised if tries else None
        what = f"{raised.name}: {raised.text}" if raised else "an exception"
        line = _raise_line(tries[-1]) if tries else None
        claim = next((d for d in claimed if d.message == message), None)
        if claim is not None:
            return Diagnosis(
                "unreleased-claim",
                f"{_capital(_line_words(_at(claim.mark)))} claimed {_who(run, message)}, the consumer crashed, and the "
                f"claim stayed: each later delivery raised {what}.",
                _at(claim.mark),
                _lines(line),
            )
        return Diagnosis(
            "poison-message",
            f"{_capital(_who(run, message))} made the handler raise three times ({what}) and went to the dead-letter queue.",
            line,
        )
    if claimed:
        claim = claimed[0]
        return Diagnosis(
            "unreleased-claim",
            f"{_capital(_line_words(_at(claim.mark)))} claimed {_who(run, claim.message)}, the consumer crashed, and the "
            "claim stayed: no later delivery can finish.",
            _at(claim.mark),
        )
    if stuck.reason == "dead end":
        waiting = last.line if last else None
        return Diagnosis("dead-lock", "The consumers wait for each other's locks, and none can go on.", waiting)
    raised_in = [d for d in deliveries if d.end == "give back"]
    line = _raise_line(raised_in[-1]) if raised_in else _last_line(deliveries)
    return Diagnosis(
        "never-acknowledged",
        "Each delivery returns the message to the queue; from here on no continuation ever acknowledges it.",
        line,
    )


def _raise_line(delivery: _Delivery) -> Line | None:
    end = delivery.events[-1]
    return end.raised_line or _last_line([delivery])


def _hung_line(run: Run) -> Line | None:
    return run.hung_line


_RULES: tuple[Callable[[Run, list[_Delivery]], Diagnosis | None], ...] = (
    _applied_twice,
    _lost,
    _overwritten,
    _partly,
)
