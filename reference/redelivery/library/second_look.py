"""A second look at a diagnosis, with what only this door knows.

The rules of `exploration.diagnosis` tell effects and marks apart by their tables: effects are where the claims look. In
anybody's consumer one table is often both (an order that is looked for, and counted), or a mark is not the message's
own (an order's id, not the message's). Then two rules say too much::

    wrong-effect         "even without any fault the effect is wrong", although the undisturbed run ends right
    no-duplicate-check   "nothing was recorded", although each delivery looked, and found nothing yet
"""

from __future__ import annotations

from collections.abc import Iterable

from ..exploration.diagnosis import Diagnosis
from ..exploration.diagnosis.case import UNFINISHED, Delivery, capital, deliveries_of, words
from ..exploration.replay import Event, Operation, Run
from ..simulation.operations import CallService, SqlFailure, SqlResult
from ..simulation.process import Line

#: What SQLAlchemy says of a session whose COMMIT has failed.
_PREPARED = "'prepared' state"
#: They say that the end is wrong.
_OF_THE_END = frozenset({"wrong-effect", "uncommitted-effect", "acknowledged-without-effect"})


def second_look(diagnosis: Diagnosis, run: Run, undisturbed: Run | None, ends_right: bool) -> Diagnosis:
    """The diagnosis, or a better one. ``undisturbed``: the run without faults, one message after the other.
    ``ends_right``: what the run left in the end violates nothing; something did before."""
    found: Diagnosis | None = None
    if run.scenario.hears is not None:
        return diagnosis  # somebody who asked in between heard it
    rightly = undisturbed is not None and undisturbed.ended and not undisturbed.wrong
    if rightly and run.wrong and _only_the_job(run):
        found = _job_left_undone(run)
    elif diagnosis.name == "poison-message":
        found = _not_rolled_back(run)
    elif diagnosis.name == "no-duplicate-check":
        found = _looked_too_early(run)
    elif diagnosis.name in _OF_THE_END and ends_right:
        found = _torn(run)
    elif diagnosis.name == "wrong-effect" and rightly:
        found = _left_undone(run) or _job_left_undone(run) or _only_here(run)
    return found or diagnosis


def _who(run: Run, message: int) -> str:
    return f"message {run.scenario.messages[message][0]}"


def _line(event: Event, operation: Operation) -> Line | None:
    return operation.line or event.line


def _not_rolled_back(run: Run) -> Diagnosis | None:
    """A session of SQLAlchemy failed in one delivery, and fails in all that follow in that process."""
    dead = next((e for e in reversed(run.events) if e.kind == "dead letter" and e.raised is not None), None)
    if dead is None or dead.raised is None:
        return None
    raised = dead.raised.name
    if raised != "PendingRollbackError" and not (raised == "InvalidRequestError" and _PREPARED in dead.raised.text):
        return None
    failed = [
        (event, operation)
        for event in run.events
        if event.process == dead.process and event.delivery != dead.delivery
        for operation in event.operations
        if isinstance(operation.told, SqlFailure)
    ]
    if not failed:
        return None
    event, operation = failed[-1]
    line = _line(event, operation)
    failure = operation.told
    assert isinstance(failure, SqlFailure)
    return Diagnosis(
        "poison-message",
        f"{capital(words(line))} failed for {_who(run, event.message)} ({failure.text}), and the session was not "
        f"rolled back: whatever {event.process} asks of it since then raises {raised}, for every message. Roll it "
        "back, or take a new one for each message.",
        line,
    )


def _durable(pairs: Iterable[tuple[Event, Operation]]) -> tuple[Event, Operation] | None:
    """The first statement that changed something and was committed."""
    pending: tuple[Event, Operation] | None = None
    for event, operation in pairs:
        told = operation.told
        if isinstance(operation.request, CallService):
            continue
        if operation.changed or operation.touched:
            pending = pending or (event, operation)
        if operation.committed and pending is not None:
            return pending
        if isinstance(told, SqlResult | SqlFailure) and not told.in_transaction:
            pending = None
    return None


def _looked_too_early(run: Run) -> Diagnosis | None:
    """Two deliveries of one message looked for what the other had not committed yet, and found nothing."""
    deliveries = deliveries_of(run)
    for one in deliveries:
        for other in deliveries:
            if one is other or one.message != other.message or other.effect_durable is None or not one.done:
                continue
            if not one.events[0].number < other.effect_durable < (one.effect_durable or 0):
                continue
            looked = _found_nothing(one, other.effect_durable)
            if looked is not None:
                line = _line(*looked)
                return Diagnosis(
                    "check-then-act",
                    f"{capital(words(line))} looked for {_who(run, one.message)} before the other consumer had marked "
                    "it; both applied it.",
                    line,
                )
    return None


def _found_nothing(delivery: Delivery, before: int) -> tuple[Event, Operation] | None:
    """The first statement of a delivery that looked for rows of what it wrote later, and found none."""
    wrote = frozenset().union(*(operation.writes for _, operation in delivery.operations))
    for event, operation in delivery.operations:
        told = operation.told
        empty = isinstance(told, SqlResult) and not told.rows
        if event.number < before and empty and not operation.writes and operation.reads & wrote:
            return event, operation
    return None


def moment(run: Run) -> Event | None:
    """The step after which something was wrong that had to hold all the time; the rest of the run follows by itself."""
    return run.events[run.given - 1] if 0 < run.given <= len(run.events) else None


def _torn(run: Run) -> Diagnosis | None:
    """A commit left others something to see that a later one mends."""
    event = moment(run)
    committed = [o for o in event.operations if o.committed] if event is not None else []
    if event is None or not committed:
        return None
    line = _line(event, committed[-1])
    return Diagnosis(
        "torn-update",
        f"{capital(words(line))} commits a part of what belongs together (step {event.number}). The rest comes later: "
        "others see the one without the other, and so does everybody after a crash in between.",
        line,
    )


def _left_undone(run: Run) -> Diagnosis | None:
    """A delivery made something durable and did not finish; the next one took the message for done."""
    deliveries = deliveries_of(run)
    for delivery in deliveries:
        later = [d for d in deliveries if d.message == delivery.message and d.number > delivery.number]
        kept = _durable(delivery.operations)
        if delivery.message < 0 or delivery.end not in UNFINISHED or kept is None or not later:
            continue
        if later[-1].end not in ("ack", "stale ack") or any(o.changed for d in later for _, o in d.operations):
            continue
        line = _line(*kept)
        return Diagnosis(
            "mark-before-effect",
            f"{capital(words(line))} made durable that {_who(run, delivery.message)} is done, the consumer "
            f"{UNFINISHED[delivery.end]} before all of it was; the next delivery found that and did nothing more.",
            line,
        )
    return None


def _only_the_job(run: Run) -> bool:
    """Whether it was the job that was disturbed, and no delivery of a message."""
    jobs = {event.process for event in run.events if event.kind == "start"}
    disturbed = {event.process for event in run.events if event.fault}
    messages = [d.message for d in deliveries_of(run) if d.message >= 0]
    return bool(disturbed) and disturbed <= jobs and len(messages) == len(set(messages))


def _job_left_undone(run: Run) -> Diagnosis | None:
    """The same of the job, or the reverse: it asked another service, and did not come to note that."""
    for dies in run.events:
        starts = [e.number for e in run.events if e.kind == "start" and e.process == dies.process]
        start = max((number for number in starts if number < dies.number), default=0)
        if dies.kind not in ("dies", "crash") or not start:
            continue
        mine = [e for e in run.events if e.process == dies.process and start <= e.number < dies.number]
        pairs = [(event, operation) for event in mine for operation in event.operations]
        how = "crashed" if dies.kind == "crash" else "gave up"
        kept = _durable(pairs)
        sent = next(((e, o) for e, o in pairs if isinstance(o.request, CallService) and o.changed), None)
        if sent is not None and (kept is None or kept[0].number < sent[0].number):
            line = _line(*sent)
            return Diagnosis(
                "effect-before-mark",
                f"What {words(line)} asks for arrived, the job {how} before a mark of it was durable; its next run "
                "asked for it again.",
                line,
            )
        if kept is not None and sent is None:
            line = _line(*kept)
            return Diagnosis(
                "mark-before-effect",
                f"{capital(words(line))} made durable that the job has done its work, the job {how} before it had; its "
                "next run found that and did nothing.",
                line,
            )
    return None


def _only_here(run: Run) -> Diagnosis:
    """No name, but no wrong one either."""
    deviates = any(event.fault for event in run.events)
    changes = [(e, o) for e in run.events for o in e.operations if o.changed or o.touched]
    return Diagnosis(
        "unclassified",
        "Undisturbed everything ends right; with what deviates in this run it does not."
        if deviates
        else "One message after the other, everything ends right; in the order in which this run handles them it does "
        "not.",
        _line(*changes[-1]) if changes else None,
    )
