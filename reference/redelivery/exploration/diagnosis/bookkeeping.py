"""Reading a run of a ledger: who changed which balance by how much, and when that became durable."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from ...simulation.operations import SqlFailure, SqlResult, SqlStatement
from ...simulation.process import Line
from ...simulation.sqlite_store import rows_of
from ..replay import Operation
from .case import UNFINISHED, Case, Delivery, Diagnosis, capital, last_line, lines_of, words

_ACCOUNT = "account"
#: A wrong balance is explained by an entry that was settled at most so often.
_MOST_TIMES = 3
Rows = tuple[tuple[object, ...], ...]


@dataclass(slots=True)
class Step:
    """One statement. ``number``: of its event; the last settle's come after all events."""

    number: int
    order: int
    """Among the statements of its actor."""
    operation: Operation
    durable: int | None = None
    """The number of the event that committed what it changed."""

    @property
    def line(self) -> Line | None:
        """The learner's line."""
        return self.operation.line


@dataclass(slots=True)
class Actor:
    """One delivery, or one run of settle."""

    message: int
    process: str
    end: str
    steps: list[Step] = field(default_factory=list)
    delivery: Delivery | None = None

    @property
    def title(self) -> str:
        """What a sentence calls a run of settle."""
        return f"the settle run of {self.process}" if self.process else "the last settle"

    @property
    def last_line(self) -> Line | None:
        """The last line that is known."""
        found = next((s.line for s in reversed(self.steps) if s.line), None)
        return found or (last_line([self.delivery]) if self.delivery else None)

    def durable_tables(self) -> set[str]:
        """The tables that it changed durably."""
        return {name for s in self.steps if s.durable is not None for name, _, _ in s.operation.changed}

    def added_to(self, table: str) -> Step | None:
        """The statement that durably added a row to a table, or changed a balance, if something of it remained."""
        rows, first = 0, None
        for step in self.steps:
            for name, gone, new in step.operation.changed:
                if name == table and step.durable is not None:
                    rows += _change(gone, new) if table == _ACCOUNT else len(new) - len(gone)
                    first = first or step
        return first if rows else None

    def rows(self) -> set[tuple[object, ...]]:
        """The rows that it added, without what stands first (often a number)."""
        return {row[1:] for s in self.steps for _, _, new in s.operation.changed for row in new}

    def marked_tables(self, books: Books) -> set[str]:
        """The tables other than balances that it changed."""
        return {name for s in self.steps for name, _, _ in s.operation.changed} & books.marks

    def marks(self, books: Books) -> list[Step]:
        """The statements that changed other tables than balances."""
        return [s for s in self.steps if any(name in books.marks for name, _, _ in s.operation.changed)]

    def mark_durable(self, books: Books, tables: Set[str] | None = None) -> int | None:
        """When the first of these became durable; of ``tables`` only, if given."""
        for step in self.marks(books):
            if step.durable is not None and (
                tables is None or any(name in tables for name, _, _ in step.operation.changed)
            ):
                return step.durable
        return None

    def how_before(self, number: int) -> str | None:
        """How it had come to an early end by then."""
        gone = self.delivery is not None and self.delivery.events[-1].number < number
        return {**UNFINISHED, "dies": "ended in an exception"}.get(self.end) if gone else None

    def marked_before(self, books: Books, number: int) -> bool:
        """Whether one of these was durable by then."""
        return any(s.durable is not None and s.durable <= number for s in self.marks(books))

    def deltas(self, books: Books, account: Any, durable: bool = True) -> list[tuple[Step, int]]:
        """The statements that changed a balance, and by how much."""
        found = []
        for step in self.steps:
            for name, gone, new in step.operation.changed:
                if name in books.effects and (step.durable is not None or not durable):
                    change = _change([r for r in gone if r[0] == account], [r for r in new if r[0] == account])
                    if change:
                        found.append((step, change))
        return found


@dataclass(slots=True)
class Books:
    """All of them, and what the balances must be."""

    case: Case
    bodies: list[dict[str, Any]]
    deliveries: list[Actor]
    settlers: list[Actor]
    """The settle runs, the last one included."""
    undisturbed: list[Actor]
    effects: frozenset[str]
    marks: frozenset[str]
    """Tables that statements of the run wrote or read, other than the balances."""

    @classmethod
    def of(cls, case: Case) -> Books:
        """Those of the run."""
        run = case.run
        effects = run.scenario.effects
        actors = [_actor(d) for d in case.deliveries]
        number = run.events[-1].number if run.events else 0
        last = Actor(-1, "", "end")
        _fill(last, ((number + n, operation) for n, operation in enumerate(run.closing, 1)))
        tables = {
            table for a in (*actors, last) for s in a.steps for table in (*s.operation.reads, *s.operation.writes)
        }
        tables |= {name for a in (*actors, last) for s in a.steps for name, _, _ in s.operation.changed}
        return cls(
            case,
            [body for _, body in run.scenario.messages],
            [a for a in actors if a.message >= 0],
            [*(a for a in actors if a.message < 0), last],
            [_actor(d) for d in case.undisturbed],
            effects,
            frozenset(tables) - effects,
        )

    def amount(self, message: int) -> int:
        """What a message asks for."""
        return int(self.bodies[message]["amount"])

    def name(self, message: int) -> str:
        """What a sentence calls the leg that a message asks for."""
        body = self.bodies[message]
        return f"the {body['amount']} of transfer {body['transfer_id']!s}"

    @property
    def valid(self) -> list[int]:
        """The messages that must take effect."""
        return [m for m in range(len(self.bodies)) if self.amount(m)]

    @property
    def invalid(self) -> list[int]:
        """The messages that must be refused, and were acknowledged."""
        dead = {row[0] for row in rows_of(self.case.run.final, "dead letters")}
        identities = [identity for identity, _ in self.case.run.scenario.messages]
        return [m for m in range(len(self.bodies)) if not self.amount(m) and identities[m] not in dead]

    def deliveries_of(self, message: int) -> list[Actor]:
        """The deliveries of one message."""
        return [d for d in self.deliveries if d.message == message]

    def messages_of(self, account: Any) -> list[int]:
        """The messages that must change an account."""
        return [m for m in self.valid if self.bodies[m]["account"] == account]

    def undisturbed_tables(self, message: int) -> set[str]:
        """The tables that the deliveries of a message change durably when nothing disturbs them."""
        return {table for a in self.undisturbed if a.message == message for table in a.durable_tables()}

    def entered_before(self, message: int, number: int) -> bool:
        """Whether a delivery of a message had changed something durably by then."""
        steps = [s for d in self.deliveries_of(message) for s in d.steps]
        return any(s.durable is not None and s.durable <= number for s in steps)

    def entered(self, message: int) -> int:
        """When a delivery of a message first added a row durably that settle runs read; 0: never."""
        read = {table for run in self.settlers for s in run.steps for table in s.operation.reads} & self.marks
        return min(
            (
                step.durable
                for delivery in self.deliveries_of(message)
                for step in delivery.steps
                if step.durable is not None
                and any(name in read and len(new) > len(gone) for name, gone, new in step.operation.changed)
            ),
            default=0,
        )

    def booked(self, table: str) -> str:
        """The word for adding to a table."""
        return "added" if table in self.effects else "entered"

    def removed(self, actor: Actor, before: int) -> Step | None:
        """The statement by which somebody else durably took away a row that ``actor`` had made."""
        made = {(name, row) for s in actor.marks(self) for name, _, new in s.operation.changed for row in new}
        key = str(self.bodies[actor.message]["transfer_id"])
        entered = actor.mark_durable(self) or 0
        for other in (*self.deliveries, *self.settlers):
            for step in other.steps if other is not actor else ():
                if step.durable is None or not entered <= step.number < before:
                    continue
                for name, gone, new in step.operation.changed:
                    kept = len(gone) <= len(new) and any(key in map(str, row) for row in new)
                    if not kept and any((name, row) in made and key in map(str, row) for row in gone):
                        return step
        return None

    # -- balances ------------------------------------------------------------------------------------------

    def wrong_accounts(self) -> list[Any]:
        """The accounts that don't hold what they must, or that must not be."""
        must, holds = self._must(), self._holds()
        return [a for a in dict.fromkeys([*must, *holds]) if must.get(a) != holds.get(a)]

    def off_by(self, account: Any) -> int | None:
        """How much too much an account holds; None where that is no number."""
        holds = self._holds().get(account)
        must = self._must().get(account)
        return holds - must if type(holds) is int and type(must) is int else None

    def _holds(self) -> dict[Any, Any]:
        return {row[0]: row[1] for row in rows_of(self.case.run.final, _ACCOUNT)}

    def _must(self) -> dict[Any, Any]:
        must: dict[Any, Any] = {row[0]: row[1] for row in rows_of(self.case.run.first, _ACCOUNT)}
        for message in (group[0] for group in self.case.intents() if group[0] in self.valid):
            account = self.bodies[message]["account"]
            before = must.get(account, 0)
            if type(before) is int:  # else the learner's code has put something else there
                must[account] = before + self.amount(message)
        return must

    def times_settled(self, account: Any, off: int) -> dict[int, int]:
        """Which entries, settled how often more than once (-1: never), make up the difference; the fewest. Empty where
        none do."""
        messages = self.messages_of(account)
        found: dict[int, int] = {}
        for times in product(range(-1, _MOST_TIMES), repeat=len(messages)):
            total = sum(n * self.amount(m) for n, m in zip(times, messages, strict=True))
            if total == off and (not found or sum(map(abs, times)) < sum(map(abs, found.values()))):
                found = {m: n for m, n in zip(messages, times, strict=True) if n}
        return found

    def changes(self, account: Any) -> list[tuple[Actor, Step, int]]:
        """All durable changes of a balance, in their order."""
        actors = (*self.deliveries, *self.settlers)
        found = [(a, s, delta) for a in actors for s, delta in a.deltas(self, account)]
        return sorted(found, key=lambda change: (change[1].durable or 0, change[1].order))

    def overwritten(self, account: Any) -> Diagnosis | None:
        """A balance was read, somebody else changed it, and it was written back."""
        for actor in (*self.settlers, *self.deliveries):
            own = {step.order: delta for step, delta in actor.deltas(self, account)}
            for step in actor.steps:
                if not step.operation.writes & self.effects or step.durable is None:
                    continue
                reads = [
                    s
                    for s in actor.steps
                    if s.order < step.order and s.operation.reads & self.effects and not s.operation.writes
                ]
                for other, change, delta in self.changes(account):
                    if other is actor or change.durable is None or change.durable >= step.number:
                        continue
                    early = [s for s in reads if s.number < change.durable]
                    if early and (early[-1] is reads[-1] or self._reverts(account, own.get(step.order, 0), delta)):
                        return Diagnosis(
                            "lost-update",
                            f"{capital(words(early[-1].line))} read the balance of account {account} before "
                            f"{words(change.line)} changed it by {delta}; {words(step.line)} wrote back a sum without "
                            "it.",
                            step.line,
                            lines_of(early[-1].line, change.line),
                        )
        return None

    def _reverts(self, account: Any, own: int, delta: int) -> bool:
        """Whether a change is no sum of entries, but would be one together with ``delta``."""
        sums = {0}
        for message in self.messages_of(account):
            sums |= {total + self.amount(message) for total in sums}
        return own not in sums and own + delta in sums

    def wrong_effect(self, account: Any) -> Diagnosis:
        """Nothing was repeated, lost or overwritten: what is done is wrong by itself."""
        must, holds = self._must().get(account), self._holds().get(account)
        wants = f"; it must hold {must}" if must is not None else ", which nobody asked for"
        last = self.settlers[-1]
        error = next((str(row[2]) for row in rows_of(self.case.run.final, "answers") if row[2]), None)
        if error:
            return Diagnosis(
                "wrong-effect",
                f"The last settle ended in {error}. Account {account} holds {holds}{wants}.",
                last.last_line,
            )
        actors = (*self.deliveries, *self.settlers)
        changed = [s for a in actors for s, _ in a.deltas(self, account, durable=False)]
        if changed:
            line = changed[-1].line
            return Diagnosis(
                "wrong-effect", f"{capital(words(line))} left account {account} with {holds}{wants}.", line
            )
        writers = [s for a in actors for s in a.steps if s.operation.writes & self.effects]
        line = writers[-1].line if writers else last.last_line
        return Diagnosis(
            "wrong-effect",
            f"Nothing changed account {account}, not even the last settle. It holds {holds}{wants}.",
            line,
        )


def found_rows(operation: Operation) -> Rows:
    """What a reading statement found; a count of nothing is nothing."""
    told = operation.told
    rows = told.rows if isinstance(told, SqlResult) else ()
    return tuple(row for row in rows if any(value not in (0, None) for value in row))


def _change(gone: Sequence[tuple[Any, ...]], new: Sequence[tuple[Any, ...]]) -> int:
    """By how much balances changed in all."""
    return sum(_number(row) for row in new) - sum(_number(row) for row in gone)


def _number(row: tuple[Any, ...]) -> int:
    return row[1] if len(row) > 1 and type(row[1]) is int else 0


def _actor(delivery: Delivery) -> Actor:
    actor = Actor(delivery.message, delivery.process, delivery.end, delivery=delivery)
    _fill(actor, ((event.number, operation) for event, operation in delivery.operations))
    return actor


def _fill(actor: Actor, operations: Iterable[tuple[int, Operation]]) -> None:
    pending: list[Step] = []
    for number, operation in operations:
        told = operation.told
        if not isinstance(operation.request, SqlStatement):
            continue
        step = Step(number, len(actor.steps), operation)
        actor.steps.append(step)
        if operation.changed or operation.writes:
            pending.append(step)
        if operation.committed:
            for done in pending:
                done.durable = number
        if isinstance(told, SqlResult | SqlFailure) and not told.in_transaction:
            pending.clear()
