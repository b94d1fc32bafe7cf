"""From a counterexample to the name of the mistake, the line that made it, and one sentence.

A rule looks at what happened in the run: who read what before whom wrote it, what was durable when a process
died, what an acknowledgement covered. It never looks at the learner's text. Where no rule fits, the diagnosis is
``unclassified``: the timeline still shows what happened.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..simulation.operations import DrawBytes, ReadAttempt, SqlFailure, SqlResult, SqlStatement
from ..simulation.process import Line
from ..simulation.program import Program
from ..simulation.sqlite_statements import first_keyword
from .replay import Event, Operation, Run, replay
from .source import Source
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
    """The first statement that read a table of marks, before the delivery wrote one."""
    end: str = ""
    """The kind of its last event."""


def diagnose(run: Run, program: Program, stuck: Stuck | None = None) -> Diagnosis:
    """What the mistake is. ``stuck``: the search's verdict, when the run is one that never comes to its end."""
    hung = stuck is not None and stuck.reason == "hung"
    undisturbed = [] if hung else _deliveries(replay(program, run.scenario, (), run.journal))
    case = _Case(run, _deliveries(run), undisturbed, Source(program))
    if stuck is not None:
        return _diagnose_stuck(case, stuck)
    for rule in _RULES:
        found = rule(case)
        if found is not None:
            return found
    return Diagnosis("unclassified", f"{_capital(run.wrong or 'the run ends wrong')}.", _last_line(case.deliveries))


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
    """Fill in when the delivery's effect and mark were written, and when they became durable."""
    pending: list[tuple[str, Event]] = []
    claimed = False
    for event, operation in delivery.operations:
        told = operation.told
        if not isinstance(operation.request, SqlStatement) or isinstance(told, int | bytes):
            continue
        changed = {name for name, _, _ in operation.changed}
        if isinstance(told, SqlResult) and told.rowcount > 0:
            changed |= operation.writes & effect_tables  # a value may be written over by an equal one
        if changed & effect_tables:
            pending.append(("effect", event))
            delivery.effect = delivery.effect or (event, operation)
        if changed - effect_tables:
            pending.append(("mark", event))
            delivery.mark = delivery.mark or (event, operation)
        claimed = claimed or bool(operation.writes - effect_tables)
        if delivery.check is None and not claimed and operation.reads - effect_tables and not operation.writes:
            delivery.check = (event, operation)
        if operation.committed:
            for what, _ in pending:
                if what == "effect":
                    delivery.effect_durable = delivery.effect_durable or event.number
                else:
                    delivery.mark_durable = delivery.mark_durable or event.number
        if isinstance(told, SqlResult | SqlFailure) and not told.in_transaction:
            pending.clear()


def _at(found: tuple[Event, Operation] | None) -> Line | None:
    return None if found is None else found[1].line or found[0].line


def _words(line: Line | None) -> str:
    return f"line {line[1]}" if line else "the code"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _last_line(deliveries: Sequence[_Delivery]) -> Line | None:
    for delivery in reversed(deliveries):
        for event in reversed(delivery.events):
            if event.line:
                return event.line
    return None


def _asked_attempt(delivery: _Delivery) -> Line | None:
    return next((o.line for _, o in delivery.operations if isinstance(o.request, ReadAttempt | DrawBytes)), None)


def _lines(*lines: Line | None) -> tuple[Line, ...]:
    return tuple(dict.fromkeys(line for line in lines if line))


def _failure(operation: Operation) -> SqlFailure | None:
    return operation.told if isinstance(operation.told, SqlFailure) else None


_UNFINISHED = {"crash": "crashed", "give back": "gave up", "dead letter": "gave up"}


@dataclass(slots=True)
class _Case:
    """What the rules look at: the run that went wrong, an undisturbed run, and the learner's source."""

    run: Run
    deliveries: list[_Delivery]
    undisturbed: list[_Delivery]
    source: Source

    def who(self, message: int) -> str:
        """How a sentence calls a message."""
        return f"message {self.run.scenario.messages[message][0]}"

    def of(self, message: int) -> list[_Delivery]:
        """The deliveries of one message."""
        return [d for d in self.deliveries if d.message == message]

    def claims(self, delivery: _Delivery) -> list[tuple[Event, Operation]]:
        """Statements that wrote, or tried to write, a table of marks."""
        return [(e, o) for e, o in delivery.operations if o.writes - self.run.scenario.effects]

    def marks(self, delivery: _Delivery) -> frozenset[str]:
        """The values that the delivery added to tables of marks."""
        found: set[str] = set()
        for _, operation in delivery.operations:
            for name, _, new in operation.changed:
                if name not in self.run.scenario.effects:
                    found |= {str(value) for row in new for value in (row[1:] if len(row) > 1 else row)}
        return frozenset(found)

    @property
    def releases(self) -> bool:
        """Whether an undisturbed delivery takes back something that it had marked."""
        for delivery in self.undisturbed:
            for _, operation in delivery.operations:
                for name, gone, _ in operation.changed:
                    if name not in self.run.scenario.effects and gone:
                        return True
        return False

    @property
    def remembers(self) -> bool:
        """Whether some process remembered something after a delivery."""
        return self.run.remembers or bool(self.run.memory_deliveries)

    def memory_line(self) -> Line | None:
        """Where the memory is looked at."""
        return self.source.use_of(self.run.remembering)

    def memory_name(self) -> str:
        """What a sentence calls the memory."""
        names = sorted(self.run.remembering)
        return f"`{names[0]}`" if len(names) == 1 else "the memory"


# -- applied twice -----------------------------------------------------------------------------------------


def _applied_twice(case: _Case) -> Diagnosis | None:
    for message in range(len(case.run.scenario.messages)):
        done = [d for d in case.of(message) if d.effect_durable is not None]
        if len(done) >= 2:
            first, second = sorted(done, key=lambda d: d.effect_durable or 0)[:2]
            return _why_twice(case, first, second, case.who(message))
    return None


def _why_twice(case: _Case, first: _Delivery, second: _Delivery, who: str) -> Diagnosis:
    effect = _at(second.effect)
    asked = _asked_attempt(second) or _asked_attempt(first)
    claims = case.claims(second)
    looked = second.check or (claims[0] if claims else None)
    if not (first.mark or looked):
        return _nothing_recorded(case, first, second, who, asked)
    keys = case.marks(first), case.marks(second)
    if keys[0] and keys[1] and not keys[0] & keys[1]:
        line = asked or case.source.key_line(_at(second.mark))
        return Diagnosis(
            "key-from-delivery",
            f"The two deliveries of {who} were recorded under different keys ({_one(keys[0])} and {_one(keys[1])}), so "
            "neither stopped the other; both credited it.",
            line,
            _lines(_at(second.mark), _at(second.check)),
        )
    if looked is None:
        if asked:
            return _by_the_flag(asked, who)
        return _nothing_recorded(case, first, second, who, asked)
    if second.check is None and second.effect and second.effect[0].number < looked[0].number:
        return Diagnosis(
            "effect-before-mark",
            f"{_capital(_words(effect))} credited {who} before {_words(_at(looked))} could find out if it was done.",
            effect,
            _lines(_at(looked)),
        )
    if first.mark_durable is not None and first.mark_durable < looked[0].number:
        return _not_stopped(case, first, second, who, asked)
    if first.events[-1].number > looked[0].number:
        return _overtaken(case, first, second, who, looked)
    how = _UNFINISHED.get(first.end, "went on")
    return Diagnosis(
        "effect-before-mark",
        f"{_capital(_words(_at(first.effect)))} made the credit of {who} durable, the consumer {how} before a mark "
        "was; the next delivery credited it again.",
        _at(first.effect),
        _lines(_at(first.mark), _at(second.mark), _at(looked)),
    )


def _one(values: frozenset[str]) -> str:
    return sorted(values)[0]


def _nothing_recorded(case: _Case, first: _Delivery, second: _Delivery, who: str, asked: Line | None) -> Diagnosis:
    if asked:
        return _by_the_flag(asked, who)
    effect = _at(second.effect)
    if case.remembers:
        how = f"{second.process} " + (
            "lost it in a restart" if second.process == first.process else "has a memory of its own"
        )
        return Diagnosis(
            "memory-in-process",
            f"That {who} was done stood in {case.memory_name()} of {first.process} alone; {how} and credited it again.",
            case.memory_line() or effect,
            _lines(effect),
        )
    return Diagnosis(
        "no-duplicate-check",
        f"Nothing was recorded when {who} was done, so {_words(effect)} credited it again.",
        effect,
    )


def _by_the_flag(asked: Line, who: str) -> Diagnosis:
    return Diagnosis(
        "key-from-delivery",
        f"{_capital(_words(asked))} goes by what the queue says of the delivery; {who} was delivered twice and "
        "credited twice.",
        asked,
    )


def _overtaken(
    case: _Case, first: _Delivery, second: _Delivery, who: str, looked: tuple[Event, Operation]
) -> Diagnosis:
    mark = f" ({_words(_at(first.mark))})" if first.mark else ""
    return Diagnosis(
        "check-then-act",
        f"{_capital(_words(_at(looked)))} looked for {who} before the other consumer had marked it{mark}; both "
        "credited it.",
        _at(looked),
        _lines(_at(first.mark), _at(second.effect)),
    )


def _not_stopped(case: _Case, first: _Delivery, second: _Delivery, who: str, asked: Line | None) -> Diagnosis:
    """The mark was there when the second delivery looked, and it went on all the same."""
    effect = _at(second.effect)
    if asked and second.check is None:
        return _by_the_flag(asked, who)
    for event, operation in case.claims(second):
        if second.effect is not None and second.effect[0].number < event.number:
            break
        failure = _failure(operation)
        if failure is not None and not failure.is_lock:
            caught = case.source.swallower(operation.stack)
            return Diagnosis(
                "swallowed-error",
                f"{_capital(_words(operation.line))} was refused ({failure.text}), and the code credited {who} all the "
                "same.",
                caught[0] if caught else operation.line,
                _lines(operation.line, effect),
            )
        if isinstance(operation.told, SqlResult) and operation.told.rowcount > 0:
            return Diagnosis(
                "replace-as-claim",
                f"{_capital(_words(operation.line))} replaced the row of the first delivery of {who} instead of "
                "failing; both deliveries credited it.",
                operation.line,
                _lines(effect),
            )
        if isinstance(operation.told, SqlResult):
            return Diagnosis(
                "ignored-count",
                f"{_capital(_words(operation.line))} added no row for the second delivery of {who}, and nobody looked: "
                f"{_words(effect)} credited it again.",
                operation.line,
                _lines(effect),
            )
    if asked:
        return _by_the_flag(asked, who)
    check = _at(second.check)
    found = second.check is not None and isinstance(second.check[1].told, SqlResult) and second.check[1].told.rows
    what = "found it" if found else "found nothing"
    return Diagnosis(
        "no-duplicate-check",
        f"{_capital(who)} was marked when {_words(check)} looked; it {what}, and {_words(effect)} credited it again.",
        check or effect,
        _lines(effect),
    )


# -- lost --------------------------------------------------------------------------------------------------


def _lost(case: _Case) -> Diagnosis | None:
    for message in range(len(case.run.scenario.messages)):
        mine = case.of(message)
        if any(d.effect_durable is not None for d in mine):
            continue
        enders = [d for d in mine if d.end in ("ack", "lost ack")] or [d for d in mine if d.end == "stale ack"]
        if enders:
            return _why_lost(case, mine, enders[-1], message)
    return None


def _why_lost(case: _Case, mine: list[_Delivery], ender: _Delivery, message: int) -> Diagnosis:
    who = case.who(message)
    failures = [(e, o) for e, o in ender.operations if _failure(o)]
    locks = [(e, o) for e, o in failures if (f := _failure(o)) and f.is_lock]
    if locks:
        return _lock_swallowed(case, locks[-1][1], who)
    if ender.effect is not None:
        undone = next(
            (o.line for e, o in ender.operations if e.number > ender.effect[0].number and _is_rollback(o)), None
        )
        line = undone or _at(ender.effect)
        return Diagnosis(
            "uncommitted-effect",
            f"{_capital(_words(_at(ender.effect)))} credited {who} in a transaction that was never committed; it was "
            "rolled back, and the message acknowledged.",
            line,
            _lines(_at(ender.effect)),
        )
    looked = ender.check or next(iter(case.claims(ender)), None)
    earlier = [d for d in mine if d is not ender and d.mark_durable is not None]
    if earlier and looked is not None:
        return _mark_without_effect(case, earlier[0], looked, who)
    asked = _asked_attempt(ender)
    if asked and not failures:
        return Diagnosis(
            "key-from-delivery",
            f"{_capital(_words(asked))} took a delivery of {who} for one that had been done already.",
            asked,
        )
    others = [d for d in case.deliveries if d.message != message and d.mark_durable is not None]
    refused = [(e, o) for e, o in failures if (f := _failure(o)) and f.name == "IntegrityError"]
    if others and (refused or (looked is not None and not failures)):
        return _same_key(case, others, message, refused[-1] if refused else looked)
    if failures:
        failed = failures[-1][1]
        failure = _failure(failed)
        caught = case.source.swallower(failed.stack)
        return Diagnosis(
            "swallowed-error",
            f"{_capital(_words(failed.line))} failed ({failure.text if failure else ''}); the code went on, and {who} "
            "was acknowledged without its credit.",
            caught[0] if caught else failed.line,
            _lines(failed.line),
        )
    if case.remembers:
        return Diagnosis(
            "memory-in-process",
            f"{ender.process} took {who} for done by {case.memory_name()}, but its credit had not been made.",
            case.memory_line() or _last_line([ender]),
        )
    missed = next((o for _, o in ender.operations if o.writes & case.run.scenario.effects), None)
    if missed is not None:
        return Diagnosis(
            "wrong-effect",
            f"{_capital(_words(missed.line))} changed no row for {who}, which was acknowledged without its credit.",
            missed.line,
        )
    return Diagnosis(
        "acknowledged-without-effect",
        f"The handler returned without a credit for {who}, which acknowledged it.",
        _last_line([ender]),
    )


def _is_rollback(operation: Operation) -> bool:
    return isinstance(operation.request, SqlStatement) and first_keyword(operation.request.sql) == "ROLLBACK"


def _lock_swallowed(case: _Case, operation: Operation, who: str) -> Diagnosis:
    caught = case.source.swallower(operation.stack)
    line, broad = caught if caught else (operation.line, False)
    where = f"{_words(line)} let it pass" if caught else "the code went on"
    return Diagnosis(
        "swallowed-error" if broad else "swallowed-lock-error",
        f'{_capital(_words(operation.line))} met "database is locked"; {where}, and {who} was acknowledged without its '
        "credit.",
        line,
        _lines(operation.line),
    )


def _mark_without_effect(case: _Case, first: _Delivery, looked: tuple[Event, Operation], who: str) -> Diagnosis:
    how = _UNFINISHED.get(first.end, "had not finished")
    if case.releases:
        return Diagnosis(
            "unreleased-claim",
            f"{_capital(_words(_at(first.mark)))} claimed {who}, the consumer {how}, and the claim stayed; the next "
            "delivery found it and did nothing.",
            _at(first.mark),
            _lines(_at(looked)),
        )
    return Diagnosis(
        "mark-before-effect",
        f"{_capital(_words(_at(first.mark)))} made the mark of {who} durable, the consumer {how} before the credit; "
        "the next delivery found the mark and did nothing.",
        _at(first.mark),
        _lines(_at(looked)),
    )


def _same_key(case: _Case, others: list[_Delivery], message: int, looked: tuple[Event, Operation] | None) -> Diagnosis:
    """A message was taken for another one."""
    messages = case.run.scenario.messages
    mine, body = messages[message]
    equal = [d for d in others if messages[d.message][1] == body]
    other = (equal or others)[0]
    its = messages[other.message][0]
    line = _at(looked)
    made = case.source.key_line(line)
    # Which messages look alike here? Those that differ in case or a leading zero only, or whose key is (part of) an id.
    alike = sorted(mine.casefold().strip().lstrip("0")) == sorted(its.casefold().strip().lstrip("0"))
    from_id = any(v and its.casefold().startswith(v.casefold()) for v in case.marks(other))
    if equal and not (alike or from_id):
        return Diagnosis(
            "key-from-payload",
            f"{_capital(case.who(other.message))} and {case.who(message)} ask for the same; {_words(line)} took the "
            "second for a duplicate of the first.",
            made,
            _lines(line),
        )
    return Diagnosis(
        "key-collision",
        f"{_capital(_words(line))} took {case.who(message)} for {case.who(other.message)}: their keys look the same.",
        made,
        _lines(line),
    )


# -- lost update, wrong effect -----------------------------------------------------------------------------


def _overwritten(case: _Case) -> Diagnosis | None:
    """Every message took effect once, and yet the sum is wrong."""
    effects = case.run.scenario.effects
    done = [d for d in case.deliveries if d.effect_durable is not None and d.effect is not None]
    for delivery in done:
        read = next(((e, o) for e, o in delivery.operations if o.reads & effects and not o.writes), None)
        for other in done:
            if read is None or other is delivery or delivery.effect is None:
                continue
            if read[0].number < (other.effect_durable or 0) < (delivery.effect_durable or 0):
                line = _at(delivery.effect)
                return Diagnosis(
                    "lost-update",
                    f"{_capital(_words(_at(read)))} read the balance before {case.who(other.message)} was credited; "
                    f"{_words(line)} wrote back a sum without it.",
                    line,
                    _lines(_at(read)),
                )
    return None


def _partly(case: _Case) -> Diagnosis | None:
    """Nothing was repeated, lost or overwritten: the effect is wrong by itself."""
    done = [d for d in case.deliveries if d.effect is not None]
    if not done:
        return None
    line = _at(done[-1].effect)
    return Diagnosis(
        "wrong-effect",
        f"{_capital(_words(line))} changed the balance by something else than "
        f"what {case.who(done[-1].message)} asks for.",
        line,
    )


# -- stuck -------------------------------------------------------------------------------------------------


def _diagnose_stuck(case: _Case, stuck: Stuck) -> Diagnosis:
    run = case.run
    if stuck.reason == "hung":
        why = run.hung or stuck.detail
        return Diagnosis(
            "endless-loop", f"The handler never comes back: {why}.", run.hung_line or _last_line(case.deliveries)
        )
    claim = next(
        (
            d
            for d in case.deliveries
            if d.end in _UNFINISHED and d.mark_durable is not None and d.effect_durable is None
        ),
        None,
    )
    if claim is not None:
        how = _UNFINISHED[claim.end]
        return Diagnosis(
            "unreleased-claim",
            f"{_capital(_words(_at(claim.mark)))} claimed {case.who(claim.message)}, the consumer {how}, and the claim "
            "stayed: no later delivery can finish.",
            _at(claim.mark),
            _lines(_raise_line(case.deliveries)),
        )
    if stuck.reason == "poison" and run.dead:
        message = run.dead[0]
        tries = [d for d in case.of(message) if d.end in ("give back", "dead letter")]
        raised = tries[-1].events[-1].raised if tries else None
        what = f"{raised.name}: {raised.text}" if raised else "an exception"
        return Diagnosis(
            "poison-message",
            f"{_capital(case.who(message))} made the handler raise three times ({what}) and went to the dead-letter "
            "queue.",
            _raise_line(tries),
        )
    if stuck.reason == "dead end":
        return Diagnosis(
            "dead-lock", "The consumers wait for each other's locks, and none can go on.", _last_line(case.deliveries)
        )
    return Diagnosis(
        "never-acknowledged",
        "Each delivery returns the message to the queue; from here on no continuation ever acknowledges it.",
        _raise_line(case.deliveries) or _last_line(case.deliveries),
    )


def _raise_line(deliveries: Sequence[_Delivery]) -> Line | None:
    """Where the last exception left the learner's code."""
    for delivery in reversed(deliveries):
        if delivery.end in ("give back", "dead letter"):
            return delivery.events[-1].raised_line or _last_line([delivery])
    return None


_RULES: tuple[Callable[[_Case], Diagnosis | None], ...] = (_applied_twice, _lost, _overwritten, _partly)
