"""The timeline of a run: one row a step in executed order, one column a process, and the state that matters.

`Timeline.of` makes the rows, which text, SVG and widgets all show.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..exploration.replay import Event, Operation, Run
from ..exploration.schedule import letter
from ..simulation.choices import Kind
from ..simulation.operations import SqlFailure, SqlResult, SqlStatement
from ..simulation.sqlite_statements import first_keyword

_MOST_TEXT = 58
NO_RETURN = "point of no return: no fault-free continuation from here ends right"
HOPELESS = "no run ends right, not even one without faults"


@dataclass(frozen=True, slots=True)
class Row:
    """One step. ``process`` is the column; ``mark`` is ``*`` where the step deviates from the undisturbed run."""

    number: int
    mark: str
    process: int
    text: str
    line: int | None
    state: tuple[str, ...]
    state_changed: tuple[bool, ...]
    fault: bool
    kind: str
    in_transaction: bool
    output: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Timeline:
    """Rows and titles; ``no_return`` is the number of the first row after which all is lost (0: from the start)."""

    processes: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    no_return: int | None

    @classmethod
    def of(cls, run: Run, source: Callable[[str, int], str] = lambda file, line: "") -> Timeline:
        """The timeline of ``run``; ``source`` gives a line of the learner's code."""
        rows: list[Row] = []
        used = {event.choice.process for event in run.events}
        count = max(used, default=0) + 1
        watched = run.scenario.watched
        previous = tuple(show(run.first) for _, show in watched)
        last = -1
        for event in run.events:
            process = event.choice.process
            switched = not event.fault and last >= 0 and process != last
            line = event.line
            rows.append(
                Row(
                    event.number,
                    "*" if event.fault or event.redelivered or switched else "",
                    process,
                    describe(run, event),
                    line[1] if line and event.kind in ("sql", "blocked", "lock timeout") else None,
                    event.shown,
                    tuple(a != b for a, b in zip(event.shown, previous, strict=True)),
                    event.fault,
                    event.kind,
                    event.in_transaction,
                    event.output,
                    source(*line) if line else "",
                )
            )
            previous = event.shown
            if event.kind != "redeliver":
                last = process
        return cls(
            tuple(letter(i) for i in range(count)),
            tuple(title for title, _ in watched),
            tuple(rows),
            run.point_of_no_return,
        )

    def to_text(self) -> str:
        """The timeline as text, for terminals and for notebooks without pictures."""
        cells = [
            [f"{row.line} │ {row.text}" if row.line else row.text for row in self.rows if row.process == p]
            for p in range(len(self.processes))
        ]
        widths = [max([len(t) for t in column] + [8]) for column in cells]
        states = [max([len(title)] + [len(row.state[i]) for row in self.rows]) for i, title in enumerate(self.columns)]

        def make(number: str, mark: str, texts: list[str], state: list[str]) -> str:
            left = f"{number:>3} {mark:1}  " + "  ".join(t.ljust(w) for t, w in zip(texts, widths, strict=True))
            right = "  ".join(t.ljust(w) for t, w in zip(state, states, strict=True))
            return f"{left}  {right}".rstrip()

        lines = [make("#", "", list(self.processes), list(self.columns))]
        for row in self.rows:
            texts = [""] * len(self.processes)
            texts[row.process] = f"{row.line} │ {row.text}" if row.line else row.text
            lines.append(make(str(row.number), row.mark, texts, list(row.state)))
            lines += [f"       prints: {printed}" for printed in row.output.splitlines() if printed.strip()]
            if row.number == self.no_return:
                lines.append(f" ─── {NO_RETURN} ───")
        if self.no_return == 0:
            lines.append(f" ─── {HOPELESS} ───")
        return "\n".join(lines)


def describe(run: Run, event: Event) -> str:
    """What happened in one step, in a few words."""
    who = run.scenario.messages[event.message][0] if event.message >= 0 else "?"
    kind = event.kind
    if kind == "receive":
        return f"receive {who}" + (", redelivered" if event.redelivered else "")
    if kind == "redeliver":
        return f"queue delivers {who} again ({event.process} is still at work)"
    if kind == "crash":
        return "crash" + (f"; {who} returns to the queue" if event.current else "")
    if kind == "ack":
        return f"acknowledge {who}" + (" → the answer is lost" if event.choice.kind is Kind.ANSWER_LOST else "")
    if kind == "stale ack":
        return f"acknowledge {who}: ignored, delivered again meanwhile"
    if kind == "lost ack":
        return f"acknowledge {who} → lost on the way"
    if kind in ("give back", "dead letter") and event.raised is not None:
        name = event.raised.name
        if kind == "dead letter":
            return f"raises {name}, the third time → dead-letter queue"
        return f"raises {name} → {who} returns to the queue" if event.current else f"raises {name}"
    operation = next((o for o in event.operations if not o.free), None)
    if operation is None:
        return kind
    return f"{_statement(operation)}{_outcome(operation, kind)}"


def _statement(operation: Operation) -> str:
    request = operation.request
    if not isinstance(request, SqlStatement):
        return ""
    if not operation.reads and not operation.writes and first_keyword(request.sql) in ("SELECT", "PRAGMA"):
        return "read the schema"
    text = " ".join(request.sql.split()).rstrip(";")
    if request.named:
        for name, value in request.parameters:
            text = text.replace(f":{name}", _value(value))
    else:
        for value in request.parameters:
            text = text.replace("?", _value(value), 1)
    text = text.replace('"', "")
    if len(text) <= _MOST_TEXT:
        return text
    # Table and verb stand in front, the values at the end.
    front = text[: _MOST_TEXT // 2].rsplit(" ", 1)[0]
    back = text[-_MOST_TEXT // 2 + 3 :]
    return f"{front} … {back.split(' ', 1)[-1] if ' ' in back else back}"


def _value(value: object) -> str:
    return f"'{value}'" if isinstance(value, str) else str(value)


def _outcome(operation: Operation, kind: str) -> str:
    told = operation.told
    if kind == "blocked":
        return " → waits for a lock"
    if isinstance(told, SqlFailure):
        text = told.text.partition(":")[0]
        return f" → {text}" if len(text) < 50 else f" → {text[:47]}…"
    if not isinstance(told, SqlResult):
        return ""
    if told.columns is not None:
        if not operation.reads and not operation.writes:
            return ""
        if not told.rows:
            return " → none"
        if len(told.rows) == 1:
            return " → " + ", ".join(_value(v) for v in told.rows[0])
        return f" → {len(told.rows)} rows"
    if told.rowcount >= 0:
        return f" → {told.rowcount} row" + ("" if told.rowcount == 1 else "s")
    return ""
