"""Rules for a receiver at the end of a lossy link (QoS 2)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from ...simulation.choices import Choice, Kind
from ...simulation.operations import SqlFailure, SqlResult, SqlStatement
from ...simulation.process import Line
from ...simulation.sqlite_statements import first_keyword
from ...simulation.sqlite_store import rows_of
from ..replay import Event, Operation, Run
from ..source import BROAD
from .case import Case, Diagnosis, Rule, at, capital, failure_of, lines_of, words

_REFUSED = BROAD | {"DatabaseError", "Error"}
_ENDS = {"crash": "crashed", "dies": "died of an exception"}

# -- reading the run ---------------------------------------------------------------------------------------


@dataclass(slots=True)
class Change:
    """One statement that changed a table, and the number of the event that made it durable."""

    event: Event
    operation: Operation
    table: str
    gone: tuple[tuple[object, ...], ...]
    new: tuple[tuple[object, ...], ...]
    durable: int | None = None
    taken_back: bool = False
    """Its own transaction was rolled back by the one who had begun it."""

    @property
    def adds(self) -> bool:
        """Whether there are more rows than before."""
        return len(self.new) > len(self.gone)

    @property
    def line(self) -> Line | None:
        """The learner's line."""
        return at((self.event, self.operation))


@dataclass(slots=True)
class Packet:
    """What the receiver did about one arrival of a packet."""

    place: int
    message: int
    events: list[Event]
    incarnation: int
    """How often the receiver had been killed before."""
    effects: list[Change] = field(default_factory=list)
    marks: list[Change] = field(default_factory=list)

    @property
    def end(self) -> str:
        """``answer``, ``lost answer``, ``crash``, ``dies``; something else where it goes on."""
        return self.events[-1].kind

    @property
    def is_publish(self) -> bool:
        """Whether it is a PUBLISH: its messages' first packets have even places."""
        return self.place % 2 == 0

    @property
    def number(self) -> int:
        """The number of its first event."""
        return self.events[0].number

    @property
    def operations(self) -> list[tuple[Event, Operation]]:
        """What it asked of the database."""
        return [(e, o) for e in self.events for o in e.operations if isinstance(o.request, SqlStatement)]

    @property
    def durable_marks(self) -> list[Change]:
        """What it recorded for good beside the effect."""
        return [c for c in self.marks if c.durable is not None]


def _read(run: Run) -> list[Packet]:
    found: dict[int, Packet] = {}
    killed = 0
    for event in run.events:
        if event.delivery < 0:
            continue
        if event.delivery not in found:
            found[event.delivery] = Packet(event.packet, event.message, [], killed)
        found[event.delivery].events.append(event)
        killed += event.kind in _ENDS
    for packet in found.values():
        _note(packet, run.scenario.effects)
    return list(found.values())


def _note(packet: Packet, effects: frozenset[str]) -> None:
    pending: list[Change] = []
    for event, operation in packet.operations:
        for table, gone, new in operation.changed:
            change = Change(event, operation, table, gone, new)
            (packet.effects if table in effects else packet.marks).append(change)
            pending.append(change)
        told = operation.told
        if operation.committed:
            for change in pending:
                change.durable = event.number
            pending.clear()
        elif isinstance(told, SqlResult | SqlFailure) and not told.in_transaction:
            for change in pending:
                change.taken_back = True
            pending.clear()


def _looks(packet: Packet, effects: frozenset[str]) -> list[tuple[Event, Operation]]:
    """Statements by which it could have found out whether the message is a repetition."""
    found = []
    for event, operation in packet.operations:
        verb = first_keyword(operation.request.sql) if isinstance(operation.request, SqlStatement) else ""
        claims = operation.writes - effects and verb != "DELETE"
        if operation.reads or claims or (operation.writes and not _changes(operation)):
            found.append((event, operation))
    return found


def _changes(operation: Operation) -> bool:
    return isinstance(operation.told, SqlResult) and operation.told.rowcount > 0


def _inserted(packets: list[Packet], message: int) -> list[tuple[Packet, Change]]:
    """The durable additions to the inbox that packets of a message made, in their order."""
    found = [(p, c) for p in packets if p.message == message for c in p.effects if c.adds and c.durable is not None]
    return sorted(found, key=lambda pair: pair[1].durable or 0)


# -- twice in the inbox ------------------------------------------------------------------------------------


def _twice(case: Case) -> Diagnosis | None:
    packets = _read(case.run)
    for message in range(len(case.run.scenario.messages)):
        found = _inserted(packets, message)
        if len(found) >= 2:
            return _why_twice(case, packets, found[0], found[1])
    return None


def _why_twice(
    case: Case, packets: list[Packet], one: tuple[Packet, Change], two: tuple[Packet, Change]
) -> Diagnosis | None:
    (first, effect), (second, again) = one, two
    payload = _payload(case, first.message)
    effects = case.run.scenario.effects
    if first is second or not any(e.fault for e in case.run.events if e.number < again.event.number):
        return Diagnosis(
            "wrong-effect",
            f"{capital(words(effect.line))} put {payload} into the inbox, and {words(again.line)} did so again, "
            "although no packet had been repeated.",
            again.line,
            lines_of(effect.line),
        )
    forgotten = _forgotten(packets, first, effect, again)
    if forgotten is not None:
        when = "when the receiver started again" if forgotten[1] else "while the sender could still repeat it"
        return Diagnosis(
            "forgets-too-early",
            f"{capital(words(forgotten[0].line))} forgot {when} that {payload} had come; {words(again.line)} put the "
            "repetition into the inbox.",
            forgotten[0].line,
            lines_of(again.line),
        )
    if not first.durable_marks:
        return _not_marked(case, packets, first, effect, second, again)
    mine = {str(v) for c in first.durable_marks for row in c.new for v in row}
    its = {str(v) for c in second.marks for row in c.new for v in row}
    if mine and its and not mine & its:
        return Diagnosis(
            "key-from-delivery",
            f"The repetition of {payload} was recorded as {min(its)}, the first as {min(mine)}: neither stopped the "
            "other, and the inbox got it twice.",
            case.source.key_line(second.marks[0].line),
            lines_of(second.marks[0].line, again.line),
        )
    return _not_stopped(case, effects, second, again, payload)


def _payload(case: Case, message: int) -> str:
    return case.run.scenario.messages[message][0]


def _forgotten(packets: list[Packet], first: Packet, effect: Change, again: Change) -> tuple[Change, bool] | None:
    """Where a mark of the message was removed before the sender had released it, and whether by a new instance."""
    marked = {(c.table, row) for p in packets if p.message == first.message for c in p.marks for row in c.new}
    for packet in packets:
        if not packet.is_publish and packet.message == first.message:
            continue
        for change in packet.marks:
            if change.durable is None or not (effect.durable or 0) <= change.durable <= again.event.number:
                continue
            if any((change.table, row) in marked for row in change.gone) and not change.adds:
                fresh = packet.incarnation > first.incarnation and change.durable < again.event.number
                first_change = not any(c.event.number < change.event.number for c in packet.marks)
                return change, fresh and first_change
    return None


def _not_marked(
    case: Case, packets: list[Packet], first: Packet, effect: Change, second: Packet, again: Change
) -> Diagnosis:
    """The first packet left nothing durable that says that it came."""
    payload = _payload(case, first.message)
    calm = case.what_if(())
    usual = [p for p in _read(calm) if p.place == first.place and p.durable_marks] if calm else []
    if usual or first.marks:
        mark = first.marks[0] if first.marks else usual[0].durable_marks[0]
        how = _ENDS.get(first.end, "went on")
        return Diagnosis(
            "effect-before-mark",
            f"{capital(words(effect.line))} put {payload} into the inbox, and the receiver {how} before "
            f"{words(mark.line)} had recorded it; the repetition was put into the inbox, too.",
            effect.line,
            lines_of(mark.line),
        )
    names = calm.remembering if calm else frozenset()
    if names and second.incarnation > first.incarnation and calm and _recognised(case, calm, first.place):
        what = f"`{min(names)}`" if len(names) == 1 else "the receiver's memory"
        how = _ENDS.get(next((p.end for p in packets if p.end in _ENDS), ""), "ended")
        return Diagnosis(
            "memory-in-process",
            f"That {payload} had come stood in {what} alone; the receiver {how} and started again without it, so the "
            "repetition was put into the inbox, too.",
            case.source.use_of(names) or again.line,
            lines_of(again.line),
        )
    return Diagnosis(
        "no-duplicate-check",
        f"Nothing was recorded when {payload} came, so {words(again.line)} put the repetition into the inbox, too.",
        again.line,
    )


def _recognised(case: Case, calm: Run, place: int) -> bool:
    """Whether a receiver that was not killed tells a repetition of a packet from a new one."""
    where = next((i for i, e in enumerate(calm.events) if e.kind == "answer" and e.packet == place), None)
    if where is None:
        return False
    lost = Choice(Kind.LOST, calm.events[where].choice.process)
    again = case.what_if([*(e.choice for e in calm.events[:where]), lost])
    return again is not None and again.ended and again.wrong is None


def _not_stopped(case: Case, effects: frozenset[str], second: Packet, again: Change, payload: str) -> Diagnosis:
    """The mark was there, and the repetition went into the inbox all the same."""
    looks = [(e, o) for e, o in _looks(second, effects) if o is not again.operation]
    for event, operation in looks:
        if event.number > again.event.number or not operation.writes:
            continue
        failure = failure_of(operation)
        if failure is not None:
            caught = case.source.swallower(operation.stack, _REFUSED | {failure.name})
            return Diagnosis(
                "swallowed-error",
                f"{capital(words(operation.line))} was refused ({failure.text}), and {words(again.line)} put the "
                f"repetition of {payload} into the inbox all the same.",
                caught[0] if caught else operation.line,
                lines_of(operation.line, again.line),
            )
        if _changes(operation):
            return Diagnosis(
                "replace-as-claim",
                f"{capital(words(operation.line))} replaced the row of the first {payload} instead of failing, so "
                f"{words(again.line)} put the repetition into the inbox, too.",
                operation.line,
                lines_of(again.line),
            )
        return Diagnosis(
            "ignored-count",
            f"{capital(words(operation.line))} added no row for the repetition of {payload}, and nobody looked: "
            f"{words(again.line)} put it into the inbox again.",
            operation.line,
            lines_of(again.line),
        )
    check = next((at(look) for look in looks if look[0].number <= again.event.number), None)
    return Diagnosis(
        "no-duplicate-check",
        f"It was recorded that {payload} had come, and {words(again.line)} put the repetition into the inbox without "
        "regard to that.",
        again.line,
        lines_of(check),
    )


# -- not in the inbox --------------------------------------------------------------------------------------


def _removed(case: Case) -> Diagnosis | None:
    """What was in the inbox was taken out again."""
    for packet in _read(case.run):
        for change in packet.effects:
            if change.durable is not None and len(change.gone) > len(change.new):
                return Diagnosis(
                    "wrong-effect",
                    f"{capital(words(change.line))} took {change.gone[0][-1]} out of the inbox, where it has to stay.",
                    change.line,
                )
    return None


def _lost(case: Case) -> Diagnosis | None:
    packets = _read(case.run)
    for message in range(len(case.run.scenario.messages)):
        if not _inserted(packets, message):
            return _why_lost(case, packets, [p for p in packets if p.message == message], message)
    return None


def _why_lost(case: Case, packets: list[Packet], mine: list[Packet], message: int) -> Diagnosis:
    payload = _payload(case, message)
    looks = [look for p in mine for look in _looks(p, case.run.scenario.effects)]
    for packet in mine:
        undone = [c for c in packet.effects if c.adds and not c.taken_back]
        if undone and packet.end in ("answer", "lost answer"):
            return Diagnosis(
                "uncommitted-effect",
                f"{capital(words(undone[-1].line))} put {payload} into the inbox in a transaction that was still open "
                "when the receiver answered; it was rolled back.",
                undone[-1].line,
            )
    cut = next((p for p in mine if p.end in _ENDS and p.durable_marks and p is not mine[-1]), None)
    if cut is not None:
        mark = cut.durable_marks[-1]
        return Diagnosis(
            "mark-before-effect",
            f"{capital(words(mark.line))} recorded that {payload} had come, and the receiver {_ENDS[cut.end]} before "
            "it was in the inbox; the repetition was taken for done.",
            mark.line,
            lines_of(*(at(look) for look in looks[-1:])),
        )
    names = case.run.remembering
    if names and mine[0].incarnation < mine[-1].incarnation and not any(p.durable_marks for p in mine):
        what = f"`{min(names)}`" if len(names) == 1 else "its memory"
        how = next((_ENDS[p.end] for p in mine if p.end in _ENDS), "ended")
        return Diagnosis(
            "memory-in-process",
            f"The receiver kept {payload} in {what} and promised by its answer to keep it; it {how}, and the new one "
            "knows nothing of it.",
            case.source.use_of(names),
        )
    return (
        _lock_passed_over(case, packets, mine, message)
        or _taken_for_another(case, packets, message, looks)
        or _nothing_done(case, mine, payload)
    )


def _lock_passed_over(case: Case, packets: list[Packet], mine: list[Packet], message: int) -> Diagnosis | None:
    """A packet with the id of the message was answered although the database was locked, and nothing was done."""
    used = case.run.scenario.packets[2 * message][0].arguments[0]
    for packet in packets:
        if case.run.scenario.packets[packet.place][0].arguments[0] != used or packet.number > mine[-1].number:
            continue
        asked = [operation for _, operation in packet.operations if operation.line]
        failures = [f for o in asked if (f := failure_of(o)) is not None and f.is_lock]
        if packet.end not in ("answer", "lost answer") or not failures or packet.durable_marks:
            continue
        if any(c.durable is not None for c in packet.effects):
            continue
        refused = next(o for o in asked if failure_of(o) is failures[-1])
        caught = case.source.swallower(refused.stack, _REFUSED | {failures[-1].name})
        call, answer = case.run.scenario.packets[packet.place]
        what = call.function.partition("on_")[2].upper()
        return Diagnosis(
            "swallowed-lock-error",
            f"{capital(words(refused.line))} was refused ({failures[-1].text}), and the {what} was answered with "
            f"{answer} all the same, although nothing had been done: {_payload(case, message)} never got into the "
            "inbox.",
            caught[0] if caught else refused.line,
            lines_of(refused.line),
        )
    return None


def _taken_for_another(
    case: Case, packets: list[Packet], message: int, looks: list[tuple[Event, Operation]]
) -> Diagnosis | None:
    """An earlier message had the same packet id, or the same payload. Which of them counts, another run shows, in which
    they differ in that alone. Where neither does, it was taken for one that was in flight beside it."""
    payload = _payload(case, message)
    refused = next((look for look in looks if failure_of(look[1]) is not None), looks[0] if looks else None)
    line = at(refused) if refused else case.source.use_of(case.run.remembering)
    used = case.run.scenario.packets[2 * message][0].arguments[0]
    if _right_with(case, message, {1: f"{payload}*"}):
        return Diagnosis(
            "key-from-payload",
            f"{capital(words(line))} took the second {payload} for a repetition of the first, but it is a new message "
            "that says the same.",
            line,
        )
    if _right_with(case, message, {0: 7000 + message}):
        return Diagnosis(
            "never-forgets",
            f"{capital(words(line))} took the new message with packet id {used} for a repetition: that id was still "
            "remembered, although the sender had released it.",
            line,
        )
    others = {p.message for p in packets if p.message != message and p.is_publish}
    if looks and len(case.run.scenario.lanes) > 1 and others and _right_with(case, message, {}):
        return Diagnosis(
            "key-too-narrow",
            f"{capital(words(line))} took {payload} with packet id {used} for a repetition of a message with another "
            "packet id, which was in flight at the same time.",
            line,
        )
    return None


def _right_with(case: Case, message: int, arguments: dict[int, int | str]) -> bool:
    """Whether a run is right in which one message has another packet id (0) or payload (1). It is undisturbed; with
    several senders, and something to be changed, their packets take turns as they did."""
    scenario = case.run.scenario
    packets = list(scenario.packets)
    for place in (2 * message, 2 * message + 1):
        call, answer = packets[place]
        given = tuple(arguments.get(i, a) for i, a in enumerate(call.arguments))
        packets[place] = (call._replace(arguments=given), answer)
    schedule = case.run.schedule if len(scenario.lanes) > 1 and arguments else ()
    run = case.what_if(schedule, replace(scenario, packets=tuple(packets)))
    if run is None or not run.ended:
        return False
    wanted = sorted(str(call.arguments[1]) for call, _ in packets[::2])
    return sorted(str(row[-1]) for table in ("inbox", "taken") for row in rows_of(run.final, table)) == wanted


def _nothing_done(case: Case, mine: list[Packet], payload: str) -> Diagnosis:
    for packet in reversed(mine):
        for _, operation in packet.operations:
            failure = failure_of(operation)
            if failure is not None:
                caught = case.source.swallower(operation.stack, _REFUSED | {failure.name})
                return Diagnosis(
                    "swallowed-error",
                    f"{capital(words(operation.line))} failed ({failure.text}), the receiver answered all the same, "
                    f"and {payload} never got into the inbox.",
                    caught[0] if caught else operation.line,
                    lines_of(operation.line),
                )
    last = next((o.line for p in reversed(mine) for _, o in reversed(p.operations) if o.line), None)
    return Diagnosis(
        "acknowledged-without-effect",
        f"The receiver answered every packet of {payload} without ever putting it into the inbox.",
        last or case.source.answer_of("on_publish", "PUBREC"),
    )


def _otherwise(case: Case) -> Diagnosis | None:
    """Each message came into the inbox once, but not as it was sent."""
    changes = [c for p in _read(case.run) for c in p.effects if c.durable is not None]
    if not changes:
        return None
    row = changes[-1].new[-1] if changes[-1].new else ()
    return Diagnosis(
        "wrong-effect",
        f"{capital(words(changes[-1].line))} put {row[-1] if row else 'something else'} into the inbox, which then "
        "does not hold what was sent.",
        changes[-1].line,
    )


# -- never answered ----------------------------------------------------------------------------------------


def _unanswered(case: Case) -> Diagnosis | None:
    run = case.run
    if run.hung is not None or run.ended:
        return None
    packets = _read(run)
    over = [p for p in packets if p.end in ("answer", "dies")]
    if not over:
        return None
    last = over[-1]
    call, wanted = run.scenario.packets[last.place]
    method = call.function.partition(".")[2]
    name = method.partition("_")[2].upper()
    id = call.arguments[0]
    repeated = "each repetition of" if any(p.place == last.place for p in over[:-1]) else "each"
    final = last.events[-1]
    if last.end == "dies" and final.raised is not None:
        line = final.raised_line or next((o.line for _, o in reversed(last.operations) if o.line), None)
        text = f"{final.raised.name}: {final.raised.text}" if final.raised.text else final.raised.name
        return Diagnosis(
            "poison-message",
            f"{capital(words(line))} raises for {repeated} {name} {id} ({text}); the sender gets no {wanted} and "
            "repeats it for ever.",
            line,
        )
    answered = final.answer.value if final.answer else None
    line = case.source.answer_of(method, wanted) or next((o.line for _, o in reversed(last.operations) if o.line), None)
    return Diagnosis(
        "never-acknowledged",
        f"The receiver answers {answered!r} to {repeated} {name} {id}, not {wanted!r}, so the sender repeats it "
        "for ever.",
        line,
    )


#: For runs that end wrong.
RULES: tuple[Rule, ...] = (_twice, _removed, _lost, _otherwise)
#: For runs that never come to their end; tried before those of `stuck`.
STUCK: tuple[Rule, ...] = (_unanswered,)
