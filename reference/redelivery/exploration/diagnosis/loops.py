"""Rules for consumers' loops, which acknowledge by themselves."""

from __future__ import annotations

from dataclasses import dataclass, field

from ...simulation.choices import Choice, Kind
from ...simulation.live import Hints
from ...simulation.operations import Received, Refused
from ...simulation.process import Line
from ..replay import Event, Run
from ..source import BROAD
from .case import Case, Diagnosis, Rule, capital, last_line, lines_of, words

_NOT_DONE = BROAD | {"RuntimeError"}
_NO_ANSWER = BROAD | {"ConnectionError", "StaleDelivery", "OSError"}
_TAKEN = ("ack", "unanswered ack")
_ACKS = (*_TAKEN, "lost ack", "stale ack")

# -- reading the run ---------------------------------------------------------------------------------------


@dataclass(slots=True)
class Call:
    """One run of the loop, from its start to its return, its exception or a crash."""

    process: str
    memory: int
    """Calls of one process share a memory until one of them is killed."""
    events: list[Event] = field(default_factory=list)

    @property
    def end(self) -> str:
        """``end``, ``dies``, ``crash``; empty where it goes on."""
        kind = self.events[-1].kind
        return kind if kind in ("end", "dies", "crash") else ""

    def before(self, number: int, *kinds: str) -> list[Event]:
        """Its events of these kinds before a certain one."""
        return [e for e in self.events if e.number < number and e.kind in kinds]


@dataclass(slots=True)
class Held:
    """One delivery in a loop's hands."""

    message: int
    call: Call
    events: list[Event]

    def of(self, *kinds: str) -> list[Event]:
        """Its events of these kinds, in order."""
        return [e for e in self.events if e.kind in kinds]


def _read(run: Run) -> tuple[list[Call], list[Held]]:
    calls: list[Call] = []
    open_calls: dict[str, Call] = {}
    memories: dict[str, int] = {}
    held: dict[int, Held] = {}
    for event in run.events:
        if event.kind == "start":
            open_calls[event.process] = Call(event.process, memories.setdefault(event.process, 0))
            calls.append(open_calls[event.process])
        call = open_calls.get(event.process)
        if call is None:
            continue
        call.events.append(event)
        if event.kind in ("crash", "dies"):
            memories[event.process] += 1
        if event.delivery >= 0:
            held.setdefault(event.delivery, Held(event.message, call, [])).events.append(event)
    return calls, list(held.values())


def _swallower(case: Case, event: Event, errors: frozenset[str]) -> Line | None:
    """The ``except`` that let the failure of an operation pass."""
    if not event.operations or not isinstance(event.operations[0].told, Refused):
        return None
    found = case.source.swallower(event.operations[0].stack, errors)
    return found[0] if found else None


def _faultless(case: Case, before: int) -> bool:
    return not any(e.fault for e in case.run.events if e.number <= before)


# -- processed twice ---------------------------------------------------------------------------------------


def _repeated(case: Case) -> Diagnosis | None:
    run = case.run
    state = run.events[-1].state if run.events else None
    if state is None or run.scenario.forbids is None or run.scenario.forbids(state) is None:
        return None
    calls, held = _read(run)
    for message in range(len(run.scenario.messages)):
        done = sorted(
            ((e, h) for h in held if h.message == message for e in h.of("perform")), key=lambda pair: pair[0].number
        )
        if len(done) >= 2:
            return _why_repeated(case, calls, done[0], done[1], case.who(message))
    return None


def _why_repeated(
    case: Case, calls: list[Call], first: tuple[Event, Held], second: tuple[Event, Held], who: str
) -> Diagnosis:
    (effect, delivery), (again, other) = first, second
    for event, held in (first, second):
        acks = [e for e in held.of(*_ACKS) if e.number < event.number]
        if acks and not any(e.kind == "ack" for e in acks) and not (held is delivery and event is not effect):
            return _effect_without_ack(case, acks[-1], event, who)
    if delivery is other:
        acks = [e for e in delivery.of(*_ACKS) if effect.number < e.number < again.number]
        if acks and not any(e.kind == "ack" for e in acks):
            return Diagnosis(
                "ack-after-effect",
                f"{capital(words(effect.line))} had processed {who} when {words(acks[0].line)} failed to acknowledge "
                f"it, and {words(again.line)} processed it once more.",
                again.line,
                lines_of(effect.line, acks[0].line),
            )
        return Diagnosis(
            "wrong-effect",
            f"{capital(words(again.line))} processed {who} a second time, though it had been delivered once.",
            again.line,
            lines_of(effect.line),
        )
    later = [e for e in delivery.of(*_ACKS) if e.number > effect.number]
    if not later and _faultless(case, again.number):
        return _never_acknowledged(delivery.call, effect, who)
    known = _knew_it_itself(case, delivery, other)
    if known is not None:
        how = "was lost when it was started again" if delivery.call.process == other.call.process else "is its own"
        names = sorted(known.remembering)
        what = f"`{names[0]}`" if len(names) == 1 else "the memory"
        return Diagnosis(
            "memory-in-process",
            f"That {who} was processed stood in {what} of {delivery.call.process}, which {how}; {words(again.line)} "
            "processed it again.",
            case.source.use_of(known.remembering) or again.line,
            lines_of(effect.line, again.line),
        )
    return _ack_after_effect(case, delivery, effect, again, later, who)


def _effect_without_ack(case: Case, ack: Event, effect: Event, who: str) -> Diagnosis:
    caught = _swallower(case, ack, _NO_ANSWER)
    how = "was refused, since the queue had delivered it again" if ack.kind == "stale ack" else "was never confirmed"
    return Diagnosis(
        "effect-without-ack",
        f"The acknowledgement of {who} ({words(ack.line)}) {how}, and {words(effect.line)} processed it all the same.",
        caught or effect.line,
        lines_of(ack.line, effect.line),
    )


def _never_acknowledged(call: Call, effect: Event, who: str) -> Diagnosis:
    last = call.events[-1]
    if last.raised is not None:
        return Diagnosis(
            "never-acknowledged",
            f"{capital(words(last.raised_line))} ended the loop ({last.raised.name}: {last.raised.text}) before {who}, "
            f"which {words(effect.line)} had processed, was acknowledged; it came again and was processed twice.",
            last.raised_line or effect.line,
            lines_of(effect.line),
        )
    acks = [e for e in call.events if e.kind in _ACKS]
    line = acks[-1].line if acks else effect.line
    what = f"{capital(words(line))} acknowledged other messages only" if acks else "Nothing acknowledged it"
    return Diagnosis(
        "never-acknowledged",
        f"{capital(who)} was processed in {words(effect.line)}. {what}, so the queue delivered it again, and it was "
        "processed twice.",
        line,
        lines_of(effect.line),
    )


def _knew_it_itself(case: Case, delivery: Held, other: Held) -> Run | None:
    """An undisturbed run, if processes remember something, and if with it the one that had processed the message would
    have known it again: what the other one lacks is that memory."""
    if (delivery.call.process, delivery.call.memory) == (other.call.process, other.call.memory):
        return None
    calm = case.what_if(())
    if calm is None or not calm.remembering:
        return None
    place = next((i for i, e in enumerate(calm.events) if e.kind == "ack" and e.message == delivery.message), None)
    if place is None:
        return None
    lost = Choice(Kind.LOST, calm.events[place].choice.process)
    again = case.what_if([*(e.choice for e in calm.events[:place]), lost])
    if again is None:
        return None
    mine = [e.kind for e in again.events if e.message == delivery.message]
    return calm if mine.count("receive") >= 2 and mine.count("perform") == 1 else None


def _ack_after_effect(
    case: Case, delivery: Held, effect: Event, again: Event, later: list[Event], who: str
) -> Diagnosis:
    back = [e for e in delivery.of("redeliver") if e.number < again.number]
    ends = {
        "crash": f"{delivery.call.process} crashed before it was acknowledged",
        "dies": f"an exception ended the loop of {delivery.call.process} before it was acknowledged",
    }
    if any(e.kind == "lost ack" for e in later):
        how = "the acknowledgement was lost"
    elif back:
        how = "the queue delivered it again before it was acknowledged"
    else:
        how = ends.get(delivery.call.end, "it was not acknowledged")
    acks = later or [e for e in case.run.events if e.kind in _ACKS]
    hint = ""
    if case.run.scenario.hints is Hints.FORGOTTEN:
        hint = (
            " The queue had forgotten the first delivery, so `redelivered` was False and `attempt` 1 the second time."
        )
    return Diagnosis(
        "ack-after-effect",
        f"{capital(words(effect.line))} processed {who}, {how}, and so it came again and was processed twice.{hint}",
        effect.line,
        lines_of(*(e.line for e in acks[:1])),
    )


# -- lost --------------------------------------------------------------------------------------------------


def _lost(case: Case) -> Diagnosis | None:
    run = case.run
    state = run.events[-1].state if run.events else None
    if state is None:
        return None
    calls, held = _read(run)
    for message, count in enumerate(state.performed):
        if count:
            continue
        mine = [h for h in held if h.message == message]
        if not state.acknowledged >> message & 1:
            return _stopped(case, calls, mine, case.who(message))
        taken = next((h for h in mine if h.of(*_TAKEN)), None)
        if taken is not None:
            return _acknowledged(case, mine, taken, case.who(message))
    return None


def _stopped(case: Case, calls: list[Call], mine: list[Held], who: str) -> Diagnosis | None:
    """Everybody has stopped, and the message is still in the queue."""
    gone = [c for c in calls if c.end == "end" and not any(e.kind == "nothing" for e in c.events)]
    if not gone:
        return None
    last = next((e for e in reversed(gone[-1].events) if e.operations), gone[-1].events[-1])
    caught = _swallower(case, last, _NOT_DONE | _NO_ANSWER)
    where = "was never received" if not mine else "returned to the queue, where nobody asked for it again"
    return Diagnosis(
        "stops-early",
        f"After {words(caught or last.line)} the loop returned, although the queue had not said that it was empty; "
        f"{who} {where}.",
        caught or last.line,
        lines_of(last.line),
    )


def _acknowledged(case: Case, mine: list[Held], taken: Held, who: str) -> Diagnosis:
    """The queue took the message for done."""
    ack = taken.of(*_TAKEN)[0]
    call = taken.call
    failed = taken.of("fail")
    late = [e for e in failed if e.number > ack.number]
    if late:
        return _ack_before_effect(ack, late[0], f"{words(late[0].line)} failed to process it", who)
    rest = case.what_if([e.choice for e in case.run.events if e.number < ack.number])
    if rest is not None and any(e.kind == "perform" and e.message == taken.message for e in rest.events):
        if ack.kind == "unanswered ack":
            how = f"{call.process} got no answer and ended before it had processed it"
        elif call.end == "crash":
            how = f"{call.process} crashed before it had processed it"
        else:
            how = f"the loop of {call.process} ended before it had processed it"
        effect = next(e for e in rest.events if e.kind == "perform" and e.message == taken.message)
        return _ack_before_effect(ack, effect, how, who)
    failed = failed or call.before(ack.number, "fail")
    if failed:
        return _acknowledged_a_failure(case, ack, failed[-1], call, who)
    earlier = [h for h in mine if h is not taken and h.events[0].number < taken.events[0].number]
    told = taken.events[0].operations[0].told
    if earlier and isinstance(told, Received) and told.attempt > 1:
        return Diagnosis(
            "key-from-delivery",
            f"{capital(words(ack.line))} acknowledged {who} unprocessed, because the queue had delivered it before; "
            "but that delivery did not get it done.",
            ack.line,
            lines_of(taken.events[0].line),
        )
    if any((h.call.process, h.call.memory) == (call.process, call.memory) for h in earlier):
        return _remembered_too_early(case, earlier, ack, call, who)
    return Diagnosis(
        "acknowledged-without-effect",
        f"{capital(words(ack.line))} acknowledged {who}, and nothing processed it.",
        ack.line,
    )


def _ack_before_effect(ack: Event, effect: Event, how: str, who: str) -> Diagnosis:
    return Diagnosis(
        "ack-before-effect",
        f"{capital(words(ack.line))} acknowledged {who}, then {how}; the queue takes it for done and never delivers it "
        "again.",
        ack.line,
        lines_of(effect.line),
    )


def _acknowledged_a_failure(case: Case, ack: Event, failed: Event, call: Call, who: str) -> Diagnosis:
    rest = [e.kind for e in call.events if e.number > ack.number and e.kind not in _ACKS]
    what = f"{words(failed.line)} failed to process {who}"
    if failed.message != ack.message:
        what = f"{words(failed.line)} failed to process {case.who(failed.message)}"
    caught = _swallower(case, failed, _NOT_DONE)
    if rest == ["dies"] and caught is None:
        return Diagnosis(
            "acknowledged-without-effect",
            f"{capital(what)}; while that exception was on its way out, {words(ack.line)} acknowledged {who}.",
            ack.line,
            lines_of(failed.line),
        )
    return Diagnosis(
        "swallowed-error",
        f"{capital(what)}, {words(caught) + ' let that pass' if caught else 'the code went on'}, and "
        f"{words(ack.line)} acknowledged {who} all the same.",
        caught or failed.line,
        lines_of(failed.line, ack.line),
    )


def _remembered_too_early(case: Case, earlier: list[Held], ack: Event, call: Call, who: str) -> Diagnosis:
    names = case.run.remembering
    what = f"`{sorted(names)[0]}`" if len(names) == 1 else "its memory"
    failed = [e for h in earlier for e in h.of("fail")]
    how = f"{words(failed[-1].line)} had failed" if failed else "the first delivery had not got it done"
    return Diagnosis(
        "mark-before-effect",
        f"{call.process} took {who} for done by {what} and acknowledged it ({words(ack.line)}), but {how}.",
        case.source.use_of(names) or ack.line,
        lines_of(*(e.line for e in failed), ack.line),
    )


# -- never done --------------------------------------------------------------------------------------------


def _stuck(case: Case) -> Diagnosis | None:
    run = case.run
    events = run.events
    if run.hung is not None:
        line = run.hung_line or last_line(case.deliveries)
        last = next((e for e in reversed(events) if e.operations), None)
        if last is None or len([e for e in events if e.kind == last.kind and e.line == last.line]) < 50:
            return Diagnosis("endless-loop", f"The loop never comes back: {run.hung}.", line)
        what = {
            "stale ack": f"asks again and again to acknowledge {case.who(last.message)}, which the queue refuses each "
            "time, since it has delivered it again",
            "ack": f"acknowledges {case.who(last.message)} again and again",
            "nothing": "asks an empty queue for a message again and again",
        }.get(last.kind, "is carried out again and again")
        return Diagnosis("endless-loop", f"{capital(words(line))} {what}, and the loop never goes on.", line)
    state = events[-1].state if events else None
    if state is None or run.ended:
        return None
    calls, held = _read(run)
    message = next((m for m in range(len(state.performed)) if not state.acknowledged >> m & 1), None)
    if message is None:
        return None
    who, mine = case.who(message), [h for h in held if h.message == message]
    dying = [c.events[-1] for c in calls if c.end == "dies" and c.events[-1].raised]
    if dying and len(dying) >= len([c for c in calls if c.end]) // 2 + 1:
        raised, where = dying[-1].raised, dying[-1].raised_line
        assert raised is not None
        text = f": {raised.text}" if raised.text else ""
        return Diagnosis(
            "never-acknowledged",
            f"{capital(words(where))} ends the loop each time ({raised.name}{text}), and {who} returns to the queue "
            "unacknowledged.",
            where or last_line(case.deliveries),
        )
    if not mine:
        return None
    if len(events) > 3 and all(e.kind in _ACKS and e.message == message for e in events[-3:]):
        return Diagnosis(
            "endless-loop",
            f"The loop never comes back: {words(events[-1].line)} tries to acknowledge {who} again and again, and is "
            "refused each time.",
            events[-1].line,
        )
    others = [e for e in events if e.kind in _ACKS and e.message != message]
    received = mine[-1].events[0]
    done = mine[-1].of("perform", "fail")
    return Diagnosis(
        "never-acknowledged",
        f"{capital(who)} is received ({words(received.line)}) and never acknowledged, so it returns to the queue each "
        "time the loop ends, and comes again.",
        done[-1].line if done else received.line,
        lines_of(*(e.line for e in others[-1:])),
    )


#: For runs that end wrong.
RULES: tuple[Rule, ...] = (_repeated, _lost)
#: For runs that never come to their end; tried before those of `stuck`.
STUCK: tuple[Rule, ...] = (_stuck,)
