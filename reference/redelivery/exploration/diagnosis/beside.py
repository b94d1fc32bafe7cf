"""Where a message has a second effect beside the first: one row in a table of its own (`Scenario.beside`).

A claim, or a look at a count, may guard the first effect and not the second. So it has to be said which of the two was
repeated or lost::

    credit, claim → committed      crash, or a duplicate      mail: never written, or written again
"""

from __future__ import annotations

from ...simulation.sqlite_store import Contents, rows_of
from ..replay import Event, Operation
from .case import UNFINISHED, Case, Delivery, Diagnosis, capital, lines_of, words


def diagnose(case: Case) -> Diagnosis | None:
    """What became of the second effect of the first message that has not exactly one; None where the first effect tells
    more, or there is no second."""
    table = case.run.scenario.beside
    if not table or not case.run.events:
        return None
    for number, (identity, _) in enumerate(case.run.scenario.messages):
        many = _rows(case.run.final, table, identity)
        if many != 1:
            return _repeated(case, number) if many > 1 else _left_out(case, number)
    return None


def _rows(contents: Contents, table: str, identity: str) -> int:
    return sum(str(row[-2]) == identity for row in rows_of(contents, table))


def _wrote(delivery: Delivery, tables: frozenset[str], until: int) -> tuple[Event, Operation] | None:
    """The last operation that wrote one of ``tables``, up to an event."""
    found = [(e, o) for e, o in delivery.operations if o.writes & tables and e.number <= until]
    return found[-1] if found else None


def _changes(case: Case, message: int, *, beside: bool) -> list[tuple[Delivery, tuple[Event, Operation]]]:
    """The deliveries of a message that changed what counts durably, each with the operation that did: the rows beside,
    or else the effect itself."""
    run, table = case.run, case.run.scenario.beside
    tables = frozenset({table}) if beside else case.effects - {table}
    identity = run.scenario.messages[message][0]

    def seen(event: Event) -> object:
        if beside:
            return _rows(event.contents, table, identity)
        return [sorted(map(repr, rows_of(event.contents, name))) for name in sorted(tables)]

    found: dict[int, tuple[Delivery, tuple[Event, Operation]]] = {}
    before = seen(run.events[0])
    for event in run.events:
        after = seen(event)
        for delivery in case.of(message) if after != before else ():
            wrote = _wrote(delivery, tables, event.number)
            if delivery.number == event.delivery and wrote:
                found.setdefault(delivery.number, (delivery, wrote))
        before = after
    return list(found.values())


def _repeated(case: Case, message: int) -> Diagnosis | None:
    who, table = case.who(message), case.run.scenario.beside
    rows, effects = _changes(case, message, beside=True), _changes(case, message, beside=False)
    if len(rows) < 2:
        return None
    (_, first), (again, second) = rows[:2]
    line, own = second[1].line, {delivery.number: wrote for delivery, wrote in effects}
    if len(effects) >= 2:
        effect = own.get(again.number)
        if again.mark or effect is None or effect[0].number < second[0].number:
            return None
        return Diagnosis(
            "no-duplicate-check",
            f"Nothing in {table} refuses a second row: {words(line)} wrote one about {who} again, and "
            f"{words(effect[1].line)} {case.did} it again.",
            line,
            lines_of(effect[1].line),
        )
    left = f", although it was not {case.did} again" if again.number not in own else ""
    return Diagnosis(
        "no-duplicate-check",
        f"Nothing stopped the second row about {who} in {table}: {words(line)} wrote it again{left}.",
        line,
        lines_of(first[1].line),
    )


def _left_out(case: Case, message: int) -> Diagnosis | None:
    who, table = case.who(message), case.run.scenario.beside
    effects = _changes(case, message, beside=False)
    if not effects:
        return None
    delivery, effect = effects[0]
    line = effect[1].line
    tried = next((o.line for d in case.undisturbed for _, o in d.operations if table in o.writes), None)
    if tried is None:
        return Diagnosis(
            "wrong-effect",
            f"{capital(who)} was {case.did} by {words(line)}, and nothing wrote a row about it into {table}.",
            line,
        )
    wrote = _wrote(delivery, frozenset({table}), delivery.events[-1].number)
    if wrote is not None and delivery.end not in UNFINISHED:
        line = wrote[1].line
        return Diagnosis("wrong-effect", f"{capital(words(line))} wrote no row into {table} that names {who}.", line)
    if delivery.end not in UNFINISHED:
        return None
    return Diagnosis(
        "mark-before-effect",
        f"What {words(line)} did for {who} was durable, the consumer {UNFINISHED[delivery.end]} before {words(tried)} "
        f"wrote its row into {table}; the next delivery found the message done and wrote none.",
        line,
        lines_of(tried),
    )
