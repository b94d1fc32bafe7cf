"""Rules for runs that never come to their end."""

from __future__ import annotations

from ..verdict import Stuck
from .case import UNFINISHED, Case, Delivery, Diagnosis, at, capital, last_line, lines_of, raise_line, words

# -- stuck -------------------------------------------------------------------------------------------------


def diagnose_stuck(case: Case, stuck: Stuck) -> Diagnosis:
    run = case.run
    claim = next(
        (d for d in case.deliveries if d.end in UNFINISHED and d.mark_durable is not None and d.effect_durable is None),
        None,
    )
    if stuck.reason == "hung" and not (claim is not None and _waits_for(case, claim)):
        why = run.hung or stuck.detail
        return Diagnosis(
            "endless-loop", f"The handler never comes back: {why}.", run.hung_line or last_line(case.deliveries)
        )
    if claim is not None:
        how = UNFINISHED[claim.end]
        return Diagnosis(
            "unreleased-claim",
            f"{capital(words(at(claim.mark)))} claimed {case.who(claim.message)}, the consumer {how}, and the claim "
            "stayed: no later delivery can finish.",
            at(claim.mark),
            lines_of(raise_line(case.deliveries)),
        )
    if stuck.reason == "poison" and run.dead:
        message = run.dead[0]
        tries = [d for d in case.of(message) if d.end in ("give back", "dead letter")]
        raised = tries[-1].events[-1].raised if tries else None
        what = f"{raised.name}: {raised.text}" if raised else "an exception"
        return Diagnosis(
            "poison-message",
            f"{capital(case.who(message))} made the handler raise three times ({what}) and went to the dead-letter "
            "queue.",
            raise_line(tries),
        )
    back = next((d for d in reversed(case.deliveries) if d.end == "give back"), None)
    if back is not None and run.scenario.expected_dead >> back.message & 1:
        raised = back.events[-1].raised
        return Diagnosis(
            "never-acknowledged",
            f"{capital(case.who(back.message))} is invalid and belongs into the dead-letter queue; "
            f'{raised.name if raised else "what is raised"} means "not now", so it comes again and again.',
            raise_line([back]) or last_line([back]),
        )
    if stuck.reason == "circle" and back is None and not any(event.raised for event in run.events):
        return Diagnosis(
            "endless-loop",
            "The handler never comes back: it asks for the same again and again, is told the same each time, and "
            "nobody will change that.",
            next((event.line for event in reversed(run.events) if event.line), None),
        )
    return Diagnosis(
        "never-acknowledged",
        "Each delivery returns the message to the queue; from here on no continuation ever acknowledges it.",
        raise_line(case.deliveries) or last_line(case.deliveries),
    )


def _waits_for(case: Case, claim: Delivery) -> bool:
    """Whether what hangs asks again and again for what a delivery that has ended had claimed."""
    hanging = next((d for d in reversed(case.deliveries) if d is not claim and d.end not in UNFINISHED), None)
    if hanging is None or claim.mark is None:
        return False
    stores = [o for _, o in hanging.operations if o.reads or o.writes]
    return bool(stores) and bool(stores[-1].writes & claim.mark[1].writes) and not stores[-1].changed
