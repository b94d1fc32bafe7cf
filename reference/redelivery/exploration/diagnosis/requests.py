"""Rules for requests that are sent over an unreliable line, to a service that applies each key once (L16, B2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...simulation.operations import DrawBytes, ReadAttempt, ReadClock, Refused, SendPayment, SqlResult
from ...simulation.process import Line
from ...simulation.sqlite_statements import first_keyword
from ..replay import Event, Operation, Run, replay
from ..source import BROAD, LOCK_ERRORS
from .case import UNFINISHED, Case, Delivery, Diagnosis, Rule, at, capital, failure_of, last_line, lines_of, words

_NO_ANSWER = BROAD | {"ConnectionError", "OSError", "EnvironmentError", "IOError"}
_REFUSAL = BROAD | {"ValueError"}
_SQL_ERRORS = LOCK_ERRORS | {"IntegrityError"}
_MOST_STEPS = 100
"""Enough for two calls that nothing disturbs."""
_SHOWN = 16
"""The longest key that a sentence shows as a whole."""


@dataclass(frozen=True, slots=True)
class _Send:
    event: Event
    operation: Operation
    request: SendPayment

    @property
    def line(self) -> Line | None:
        return self.operation.line

    @property
    def paid(self) -> bool:
        """It is this request that made the payment."""
        return bool(self.operation.changed)

    @property
    def refusal(self) -> str:
        told = self.operation.told
        return told.text if isinstance(told, Refused) and told.name == "ValueError" else ""


def _sends(run: Run) -> list[_Send]:
    return [_Send(e, o, o.request) for e in run.events for o in e.operations if isinstance(o.request, SendPayment)]


def _order(case: Case, message: int) -> str:
    identity = case.run.scenario.messages[message][0]
    return f"order {identity if identity == identity.strip() else repr(identity)}"


def _keys(*keys: str) -> list[str]:
    """Keys as a sentence shows them: shortened, unless they would look the same then."""
    short = [key if len(key) <= _SHOWN else f"{key[:8]}…" for key in keys]
    return short if len(set(short)) == len(set(keys)) else list(keys)


# -- something else was asked for --------------------------------------------------------------------------


def _other_payment(case: Case) -> Diagnosis | None:
    for sent in _sends(case.run):
        order, body = case.run.scenario.messages[sent.event.message]
        if (sent.request.order, sent.request.amount) != (order, body["amount"]):
            return Diagnosis(
                "wrong-effect",
                f"Called for order {order} with the amount {body['amount']}, {words(sent.line)} asked to pay "
                f"{sent.request.amount!s} for order {sent.request.order}.",
                sent.line,
            )
    return None


# -- paid twice --------------------------------------------------------------------------------------------


def _paid_twice(case: Case) -> Diagnosis | None:
    sends = _sends(case.run)
    for message in range(len(case.run.scenario.messages)):
        paid = [sent for sent in sends if sent.event.message == message and sent.paid]
        if len(paid) > 1:
            return _why_twice(case, paid[0], paid[1])
    return None


def _why_twice(case: Case, first: _Send, second: _Send) -> Diagnosis:
    one, two = _keys(first.request.key, second.request.key)
    head = f"{capital(_order(case, first.event.message))} was paid under the key {one} and again under {two}"
    calls = {d.number: d for d in case.deliveries}
    earlier, later = calls[first.event.delivery], calls[second.event.delivery]
    made = _made(case, later, second)
    by_call = Diagnosis(
        "key-from-delivery", f"{head}: {words(made)} made a new key at each call.", made, lines_of(second.line)
    )
    if earlier is later or _sent_before(case, later, first.request.key, second):
        return replace(by_call, sentence=f"{head}: {words(made)} made a new key for the next try.")
    if _kept(case, first.request.key, first.event.number):
        return _not_used(case, first, second, later, head) or by_call
    failed = _not_stored(case, earlier, first, head)
    if failed is not None:
        return failed
    mine = case.of(first.event.message) + [d for d in case.undisturbed if d.message == first.event.message]
    stored = next((d for d in mine if _stores_what_it_sends(case, d)), None)
    if stored is not None:
        store = at(earlier.mark) or at(later.mark) or at(stored.mark)
        open_ = earlier.mark is not None and earlier.mark[0].number < first.event.number
        return Diagnosis(
            "sent-before-stored",
            f"{head}: when {words(first.line)} sent the first, "
            + (
                f"the transaction that stores it ({words(store)}) was not committed."
                if open_
                else f"{words(store)} had not stored it yet."
            ),
            first.line,
            lines_of(store),
        )
    if case.remembers and not _same_memory(case, earlier, later):
        again = "lost it in a restart" if earlier.process == later.process else "has a memory of its own"
        return Diagnosis(
            "memory-in-process",
            f"{head}: the first stood in {case.memory_name()} of {earlier.process} alone, and {later.process} {again}.",
            case.memory_line() or made,
            lines_of(made, second.line),
        )
    return by_call


def _not_stored(case: Case, earlier: Delivery, first: _Send, head: str) -> Diagnosis | None:
    """The first call could not store its key, and sent it all the same."""
    for event, operation in earlier.operations:
        failure = failure_of(operation)
        if failure is None or event.number > first.event.number:
            continue
        caught = case.source.swallower(operation.stack, _SQL_ERRORS)
        return Diagnosis(
            "swallowed-lock-error" if failure.is_lock and not (caught and caught[1]) else "swallowed-error",
            f"{head}: the first was not stored, since {words(operation.line)} failed ({failure.text}), and the code "
            "sent it all the same.",
            caught[0] if caught else operation.line,
            lines_of(operation.line, first.line),
        )
    return None


def _made(case: Case, call: Delivery, sent: _Send) -> Line | None:
    """The line that made the key of a request: where something was drawn for it, or where it was put together."""
    drawn = [
        operation.line
        for event, operation in call.operations
        if event.number <= sent.event.number and isinstance(operation.request, DrawBytes | ReadClock | ReadAttempt)
    ]
    return (drawn[-1] if drawn else None) or case.source.key_line(sent.line)


def _sent_before(case: Case, call: Delivery, key: str, until: _Send) -> bool:
    """Whether the call had sent under ``key`` before it sent ``until``."""
    return any(
        isinstance(operation.request, SendPayment) and operation.request.key == key
        for event, operation in call.operations
        if event.number < until.event.number
    )


def _kept(case: Case, key: str, number: int) -> bool:
    """Whether a table held ``key``, committed, when the event with this number took place."""
    contents = case.run.events[number - 2].contents if number > 1 else case.run.first
    return any(key in map(str, row) for name, rows in contents if name not in case.run.scenario.effects for row in rows)


def _stores_what_it_sends(case: Case, call: Delivery) -> bool:
    sent = {o.request.key for _, o in call.operations if isinstance(o.request, SendPayment)}
    return bool(sent & case.marks(call))


def _same_memory(case: Case, earlier: Delivery, later: Delivery) -> bool:
    """Whether the second call had what the first one remembered."""
    return earlier.process == later.process and later.number in case.run.memory_deliveries


def _not_used(case: Case, first: _Send, second: _Send, later: Delivery, head: str) -> Diagnosis | None:
    """The first key was durable when it was sent. Why did the second call not send under it?"""
    key = first.request.key
    for event in case.run.events[first.event.number : second.event.number]:
        for operation in event.operations:
            if not any(key in map(str, row) for _, gone, _ in operation.changed for row in gone):
                continue
            if event.message != first.event.message:
                return Diagnosis(
                    "expiring-mark",
                    f"{head}: {words(operation.line)}, called for {_order(case, event.message)}, removed the first "
                    "from the table.",
                    operation.line,
                    lines_of(second.line),
                )
            sql = getattr(operation.request, "sql", "")
            if event.delivery == later.number and first_keyword(sql) in ("INSERT", "REPLACE"):
                return Diagnosis(
                    "replace-as-claim",
                    f"{head}: {words(operation.line)} replaced the first in the table instead of keeping it.",
                    operation.line,
                    lines_of(second.line),
                )
            how = "put another in its place" if any(new for _, _, new in operation.changed) else "removed it"
            return Diagnosis(
                "key-from-delivery",
                f"{head}: the first was stored in time, but {words(operation.line)} {how}.",
                operation.line,
                lines_of(second.line),
            )
    before = [(e, o) for e, o in later.operations if e.number < second.event.number]
    found = next((o for _, o in before if isinstance(o.told, SqlResult) and _holds(o.told, key)), None)
    if found is not None:
        made = _made(case, later, second)
        return Diagnosis(
            "key-from-delivery",
            f"{head}: {words(found.line)} found the first in the table, but {words(second.line)} sent another.",
            made,
            lines_of(found.line, second.line),
        )
    for _, operation in before:
        if not operation.writes - case.run.scenario.effects:
            continue
        failure = failure_of(operation)
        if failure is not None and not failure.is_lock:
            caught = case.source.swallower(operation.stack, _SQL_ERRORS)
            return Diagnosis(
                "swallowed-error",
                f"{head}: {words(operation.line)} could not store the second ({failure.text}), and the code sent it "
                "all the same.",
                caught[0] if caught else operation.line,
                lines_of(operation.line, second.line),
            )
        if isinstance(operation.told, SqlResult) and operation.told.rowcount == 0:
            return Diagnosis(
                "ignored-count",
                f"{head}: {words(operation.line)} did not store the second, since the first was there, and nobody "
                "looked.",
                operation.line,
                lines_of(second.line),
            )
    return None


def _holds(told: SqlResult, key: str) -> bool:
    return any(key in map(str, row) for row in told.rows)


# -- not paid ----------------------------------------------------------------------------------------------


def _not_paid(case: Case) -> Diagnosis | None:
    sends = _sends(case.run)
    for message in range(len(case.run.scenario.messages)):
        mine = case.of(message)
        returned = [d for d in mine if d.end.endswith("ack")]
        if returned and not any(sent.paid for sent in sends if sent.event.message == message):
            return _why_not(case, message, mine, returned[-1], [s for s in sends if s.event.message == message])
    return None


def _why_not(case: Case, message: int, mine: list[Delivery], ender: Delivery, sends: list[_Send]) -> Diagnosis:
    order = _order(case, message)
    own = [sent for sent in sends if sent.event.delivery == ender.number]
    if own and own[-1].refusal:
        return _same_key(case, own[-1], returned=True)
    if own:
        caught = case.source.swallower(own[-1].operation.stack, _NO_ANSWER)
        return Diagnosis(
            "gave-up-unanswered",
            f"{capital(words(own[-1].line))} sent the request for {order} and got no answer; the code returned as if "
            "it had been paid.",
            caught[0] if caught else own[-1].line,
            lines_of(own[-1].line),
        )
    failures = [(o, f) for _, o in ender.operations if (f := failure_of(o)) is not None]
    for operation, failure in failures:
        if failure.is_lock:
            caught = case.source.swallower(operation.stack, LOCK_ERRORS)
            return Diagnosis(
                "swallowed-error" if caught and caught[1] else "swallowed-lock-error",
                f'{capital(words(operation.line))} met "database is locked", and the code returned without a request '
                f"for {order}.",
                caught[0] if caught else operation.line,
                lines_of(operation.line),
            )
    before = next((d for d in mine if d is not ender and d.mark_durable is not None), None)
    if before is not None:
        how = UNFINISHED.get(before.end, "had not finished")
        looked = ender.check or next(iter(case.claims(ender)), None)
        return Diagnosis(
            "mark-before-effect",
            f"{capital(words(at(before.mark)))} stored the key of {order}, and the call {how} before it was paid; the "
            f"next call took the stored key{f' ({words(at(looked))})' if looked else ''} for a payment.",
            at(before.mark),
            lines_of(at(looked)),
        )
    others = [d for d in case.deliveries if d.message != message and d.mark_durable is not None]
    refused = [o for o, failure in failures if failure.name == "IntegrityError"]
    if others and (refused or (ender.check is not None and ender.mark is None)):
        line = refused[-1].line if refused else at(ender.check)
        return Diagnosis(
            "key-collision",
            f"{capital(words(line))} took {order} for {_order(case, others[-1].message)} and sent nothing.",
            case.source.key_line(line),
            lines_of(line),
        )
    if failures:
        operation, failure = failures[-1]
        caught = case.source.swallower(operation.stack, _SQL_ERRORS)
        return Diagnosis(
            "swallowed-error",
            f"{capital(words(operation.line))} failed ({failure.text}), and the code returned without a request for "
            f"{order}.",
            caught[0] if caught else operation.line,
            lines_of(operation.line),
        )
    if ender.number in case.run.memory_deliveries:
        return Diagnosis(
            "memory-in-process",
            f"{ender.process} took {order} for paid by {case.memory_name()}, but nobody had sent a request for it.",
            case.memory_line() or last_line([ender]),
        )
    return Diagnosis(
        "acknowledged-without-effect",
        f"The call for {order} returned, and no request had been sent for it.",
        last_line([ender]),
    )


# -- one key for two orders --------------------------------------------------------------------------------


def _same_key(case: Case, refused: _Send, returned: bool) -> Diagnosis:
    """The service refused a key, since it stands for another order."""
    key, order = refused.request.key, _order(case, refused.event.message)
    holder = next((s for s in _sends(case.run) if s.request.key == key and s.paid), refused)
    other = _order(case, holder.event.message)
    (shown,) = _keys(key)
    made = case.source.key_line(refused.line)
    end = "the code took the refusal for a payment" if returned else "the service refuses it, however often it is sent"
    caught = case.source.swallower(refused.operation.stack, _REFUSAL) if returned else None
    others = lines_of(refused.line, holder.line, caught[0] if caught else None)
    if holder.event.message == refused.event.message:
        return Diagnosis(
            "wrong-effect",
            f"{capital(words(refused.line))} sent {order} again with other content; {end}.",
            made,
            others,
        )
    head = f"{capital(words(made))} gave {order} the key {shown}, under which {other} is paid"
    if not _shared_by_itself(case, refused, holder):
        return Diagnosis("key-collision", f"{head}: it depends on what else is under way; {end}.", made, others)
    calls = [d for d in case.deliveries if d.message == refused.event.message]
    draws = [op.line for call in calls for _, op in call.operations if isinstance(op.request, DrawBytes)]
    if len(key) < 30 and draws:
        head = f"{capital(words(draws[-1]))} gave {order} the key {shown}, under which {other} is paid"
        why = "it is random, and so short that two orders get the same"
        return Diagnosis("key-collision", f"{head}: {why}; {end}.", draws[-1], others)
    amount = holder.request.amount
    if not _shared_with_another(case, holder, amount):
        return Diagnosis("key-collision", f"{head}: the two ids become the same key; {end}.", made, others)
    if _shared_with_another(case, holder, amount + 1):
        return Diagnosis("key-collision", f"{head}: every order gets this key; {end}.", made, others)
    return Diagnosis("key-from-payload", f"{head}: both ask for {amount}, and {end}.", made, others)


def _shared_by_itself(case: Case, refused: _Send, holder: _Send) -> bool:
    """Whether the two orders have the key in common without any interleaving or fault, too."""
    key = refused.request.key
    users = {
        d.message
        for d in case.undisturbed
        for _, o in d.operations
        if isinstance(o.request, SendPayment) and o.request.key == key
    }
    return {refused.event.message, holder.event.message} <= users


def _shared_with_another(case: Case, holder: _Send, amount: int) -> bool:
    """Whether an order with quite another id, and with this amount, gets the same key when it follows."""
    scenario = case.run.scenario
    other: tuple[str, dict[str, Any]] = ("another", {"order_id": "another", "amount": amount})
    pair = replace(scenario, messages=[scenario.messages[holder.event.message], other])
    run = replay(case.source.program, pair, (), case.run.journal, most_steps=_MOST_STEPS)
    keys: list[set[str]] = [{s.request.key for s in _sends(run) if s.event.message == m} for m in (0, 1)]
    return bool(keys[0] & keys[1])


# -- for ever ----------------------------------------------------------------------------------------------


def _refused_for_ever(case: Case) -> Diagnosis | None:
    if case.run.hung:
        return None
    given_back = {d.number for d in case.deliveries if d.end == "give back"}
    refused = [s for s in _sends(case.run) if s.refusal and s.event.delivery in given_back]
    return _other_payment(case) or _same_key(case, refused[-1], returned=False) if refused else None


def _raises_for_ever(case: Case) -> Diagnosis | None:
    given_back = [d for d in case.deliveries if d.end == "give back"]
    if case.run.hung or not given_back:
        return None
    last = given_back[-1]
    order = _order(case, last.message)
    raised = last.events[-1].raised
    what = f"{raised.name}: {raised.text}" if raised else "an exception"
    failed = [o for _, o in last.operations if failure_of(o)]
    line = last.events[-1].raised_line or (failed[-1].line if failed else None) or last_line([last])
    before = next((d for d in case.of(last.message) if d is not last and d.mark_durable is not None), None)
    if before is not None and _comes_through(case.undisturbed, last.message):
        return Diagnosis(
            "unreleased-claim",
            f"{capital(words(at(before.mark)))} stored a key for {order} and the call "
            f"{UNFINISHED.get(before.end, 'had not finished')}; every later call meets that row and fails ({what}).",
            at(before.mark),
            lines_of(line),
        )
    return Diagnosis(
        "never-acknowledged", f"Each call for {order} fails at {words(line)} ({what}), so pay never returns.", line
    )


def _comes_through(undisturbed: Sequence[Delivery], message: int) -> bool:
    """Whether the first call for the order returns when nothing goes wrong."""
    return next((d.end.endswith("ack") for d in undisturbed if d.message == message), False)


#: For runs that end wrong.
RULES: tuple[Rule, ...] = (_other_payment, _paid_twice, _not_paid)
#: For runs that never come to their end; tried before those of `stuck`.
STUCK: tuple[Rule, ...] = (_refused_for_ever, _raises_for_ever)
