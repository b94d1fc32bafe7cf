"""From a counterexample on a real store to the name of the mistake, and the line that made it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .run import Event, Run
from .search import Outcome
from .state import CRASH, LAND, SENT

_TABLE = re.compile(r"\b(?:from|into|update|join)\s+\"?([\w.]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Mistake:
    """Its name, as `redelivery.exploration.diagnosis.names` has it; a sentence; the line."""

    name: str
    sentence: str
    line: tuple[str, int] | None = None


def mistake_of(run: Run, outcome: Outcome, messages: Sequence[tuple[str, dict[str, Any]]]) -> Mistake:
    """What a teacher would say of the run."""
    deliveries = _deliveries(run.events)
    for event in run.events:
        if event.kind == "dead letter" and event.ended is not None:
            name = messages[event.message][0]
            return Mistake(
                "poison-message",
                f"Message {name} raises {event.ended.name} each time it comes ({event.ended.text}), and is put aside.",
                event.ended.line,
            )
    skipped = _skipped(deliveries)
    if skipped is not None:
        return skipped
    swallowed = _swallowed(deliveries)
    if swallowed is not None:
        return swallowed
    late = next((e for e in run.events if e.kind == "lands" and e.statement is not None), None)
    if late is not None and late.statement is not None:
        letter = "ABCDEFGH"[late.process]
        return Mistake(
            "late-effect",
            f"{letter} was killed when {late.statement.text.partition('   ')[0]} was already on the way or waited; the "
            "server carried it out later, after the message had been delivered again.",
            late.statement.line,
        )
    torn = _torn(deliveries)
    if torn is not None:
        return torn
    return _raced(deliveries) or Mistake("unclassified", "The timeline shows what happened.")


def _deliveries(events: Sequence[Event]) -> list[list[Event]]:
    """The events of each delivery, in the order in which they began."""
    under_way: dict[int, list[Event]] = {}
    found: list[list[Event]] = []
    for event in events:
        if event.kind == "receive" or (event.process not in under_way and event.kind in ("sql", "waits")):
            under_way[event.process] = []
            found.append(under_way[event.process])
        if event.process in under_way and event.kind not in ("redeliver", "lands", "lands, waits"):
            under_way[event.process].append(event)
            if event.kind in ("ack", "stale ack", "lost ack", "give back") or event.kind.startswith("crash"):
                del under_way[event.process]
    return found


def _changes(delivery: Sequence[Event]) -> list[Event]:
    return [
        e
        for e in delivery
        if e.statement is not None and e.statement.kind == "change" and e.answer is not None and e.answer.count > 0
    ]


def _table(event: Event) -> str:
    found = _TABLE.search(event.statement.text) if event.statement is not None else None
    return found[1] if found else ""


def _swallowed(deliveries: Sequence[Sequence[Event]]) -> Mistake | None:
    """A delivery that was told an error, changed nothing durable, and was acknowledged."""
    for delivery in deliveries:
        error = next((e for e in delivery if e.answer is not None and e.answer.error), None)
        done = any(e.kind == "ack" for e in delivery)
        commits = any(e.statement is not None and e.statement.kind == "commit" for e in delivery)
        if error is not None and done and not commits and error.answer is not None and error.answer.error != "23505":
            return Mistake(
                "swallowed-error",
                f"The database answered {error.answer.error} ({error.answer.text}), the code went on as if the work "
                "were done, and the message was acknowledged without its effect.",
                error.statement.line if error.statement else None,
            )
    return None


def _skipped(deliveries: Sequence[Sequence[Event]]) -> Mistake | None:
    """A delivery that passed over what another one had locked, and was acknowledged; the other one was killed."""
    for delivery in deliveries:
        passed = next((e for e in delivery if _passes_over(e) and e.answer is not None and e.answer.count == 0), None)
        if passed is None or passed.statement is None or not any(e.kind == "ack" for e in delivery):
            continue
        if any(d[-1].kind.startswith("crash") and any(map(_passes_over, d)) for d in deliveries if d is not delivery):
            return Mistake(
                "acknowledged-without-effect",
                "This line passed over the row that another delivery had locked, and the message was acknowledged as "
                "if it were done; the other one was killed, and nobody does it any more.",
                passed.statement.line,
            )
    return None


def _passes_over(event: Event) -> bool:
    return event.statement is not None and re.search(r"\bskip\s+locked\b", event.statement.text, re.I) is not None


def _torn(deliveries: Sequence[Sequence[Event]]) -> Mistake | None:
    """A delivery that was killed, or not heard of, between two things that it made durable one by one."""
    for delivery in deliveries:
        if not delivery or not (delivery[-1].kind.startswith("crash") or delivery[-1].kind == "lost ack"):
            continue
        changed = _changes(delivery)
        if changed and delivery[-1].kind.startswith("crash") and not delivery[-1].in_transaction:
            again = next((d for d in deliveries if d is not delivery and d[0].message == delivery[0].message), ())
            repeated = {_table(e) for e in _changes(again)} & {_table(e) for e in changed}
            name = "effect-before-mark" if repeated else "mark-before-effect"
            what = "had its effect again" if repeated else "was taken for done"
            line = changed[-1].statement.line if changed[-1].statement else None
            return Mistake(
                name,
                f"What stands at this line was durable when the consumer was killed, and the rest was not; the message "
                f"came again and {what}.",
                line,
            )
    return None


def _raced(deliveries: Sequence[Sequence[Event]]) -> Mistake | None:
    """Two deliveries of one message that both changed the same."""
    for place, one in enumerate(deliveries):
        for other in deliveries[place + 1 :]:
            if not one or not other or one[0].message != other[0].message:
                continue
            both = {_table(e) for e in _changes(one)} & {_table(e) for e in _changes(other)}
            if not both:
                continue
            looked = next((e for e in one if e.statement is not None and e.statement.kind == "read"), None)
            if looked is None or looked.statement is None:
                first = _changes(one)[0]
                return Mistake(
                    "no-duplicate-check",
                    "Nothing told this delivery from the one before it, and both had their effect.",
                    first.statement.line if first.statement else None,
                )
            return Mistake(
                "check-then-act",
                "This line looked whether the message was done before the other delivery's mark was committed; both "
                "found nothing, and both acted.",
                looked.statement.line,
            )
    return None


__all__ = ["CRASH", "LAND", "SENT", "Mistake", "mistake_of"]
