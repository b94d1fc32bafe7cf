"""The timeline of a run: one row a step in executed order, one column a process, and the state that matters.

`Timeline.of` makes the rows, which text, SVG and widgets all show.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..exploration.replay import Event, Operation, Run
from ..simulation.choices import Kind
from ..simulation.operations import (
    RedisCommand,
    RedisFailure,
    RedisReply,
    RedisTransaction,
    RedisWatch,
    Refused,
    SendPayment,
    SqlFailure,
    SqlResult,
    SqlStatement,
)
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
        count = max(used, default=0) + 1  # consumers first, so nobody in front is left out
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
                    line[1] if line and event.kind in _WITH_LINE else None,
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
            run.letters[:count],
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


_WITH_LINE = frozenset(
    [
        "sql",
        "blocked",
        "lock timeout",
        "redis",
        "watch",
        "sleep",
        "send",
        "send lost",
        "send unanswered",
        "perform",
        "fail",
        "ack",
        "lost ack",
        "unanswered ack",
        "stale ack",
        "receive",
        "nothing",
    ]
)


def describe(run: Run, event: Event) -> str:
    """What happened in one step, in a few words."""
    words = _LOOP_AND_LINK.get(event.kind)
    if words is not None:
        return words(run, event)
    who = run.scenario.messages[event.message][0] if event.message >= 0 else "?"
    kind = event.kind
    if kind == "receive":
        return f"receive {who}" + (", redelivered" if event.redelivered else "")
    if kind == "redeliver":
        return f"queue delivers {who} again ({event.process} is still at work)"
    if kind == "crash":
        back = event.current and event.message >= 0 and not run.scenario.packets
        return "crash" + (f"; {who} returns to the queue" if back else "")
    if kind == "ack":
        return f"acknowledge {who}" + (" → the answer is lost" if event.choice.kind is Kind.ANSWER_LOST else "")
    if kind == "stale ack":
        return f"acknowledge {who}: " + (
            "ignored, delivered again meanwhile" if run.scenario.loop is None else "refused, delivered again meanwhile"
        )
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


def _who(run: Run, event: Event) -> str:
    return run.scenario.messages[event.message][0]


def _packet(run: Run, event: Event) -> str:
    call, _ = run.scenario.packets[event.packet]
    name = call.function.partition(".on_")[2].upper() or call.function
    return f"{name} {', '.join(map(str, call.arguments))}"


def _answer(run: Run, event: Event) -> str:
    return "?" if event.answer is None else str(event.answer.value)


def _dies(run: Run, event: Event) -> str:
    return f"raises {event.raised.name if event.raised else '?'} and dies"


def _payment(event: Event) -> str:
    request = next((o.request for o in event.operations if isinstance(o.request, SendPayment)), None)
    return f"send {request.key!r} {request.order} {request.amount}" if request else "send"


def _refusal(event: Event) -> str:
    told = next((o.told for o in event.operations if isinstance(o.told, Refused)), None)
    return f" → {told.name}" if told is not None else ""


_LOOP_AND_LINK: dict[str, Callable[[Run, Event], str]] = {
    "start": lambda run, event: f"{event.call or 'the loop'} starts",
    "end": lambda run, event: f"{event.call or 'the loop'} returns",
    "dies": _dies,
    "nothing": lambda run, event: "receive → None",
    "perform": lambda run, event: f"process {_who(run, event)}",
    "fail": lambda run, event: f"process {_who(run, event)} → fails, nothing done",
    "unanswered ack": lambda run, event: f"acknowledge {_who(run, event)} → the answer is lost",
    "transmit": lambda run, event: f"send {_packet(run, event)}",
    "lost packet": lambda run, event: f"send {_packet(run, event)} → lost on the way",
    "packet": lambda run, event: f"{_packet(run, event)} arrives",
    "answer": lambda run, event: f"answer {_answer(run, event)}",
    "lost answer": lambda run, event: f"answer {_answer(run, event)} → lost on the way",
    "time": lambda run, event: "time passes",
    "sleep": lambda run, event: "sleep",
    "send": lambda run, event: _payment(event) + _refusal(event),
    "send lost": lambda run, event: f"{_payment(event)} → the request is lost",
    "send unanswered": lambda run, event: f"{_payment(event)} → the answer is lost",
}


def _statement(operation: Operation) -> str:
    request = operation.request
    if isinstance(request, RedisWatch):
        return "WATCH " + " ".join(map(_decoded, request.keys))
    if isinstance(request, RedisCommand):
        return _shortened(_command(request.arguments))
    if isinstance(request, RedisTransaction):
        return _shortened("MULTI " + "; ".join(map(_command, request.commands)) + " EXEC")
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
    return _shortened(text.replace('"', ""))


def _decoded(value: bytes) -> str:
    return value.decode(errors="replace")


def _command(arguments: tuple[bytes, ...]) -> str:
    name = _decoded(arguments[0]).upper()
    if name == "EVAL":
        return " ".join(["EVAL", "(script)", *map(_decoded, arguments[3:])])
    return " ".join([name, *map(_decoded, arguments[1:])])


def _shortened(text: str) -> str:
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
    if isinstance(told, RedisReply):
        return f" → {_reply(told.value)}" if kind != "watch" else ""
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


def _reply(value: object) -> str:
    if value is None:
        return "nil"
    if isinstance(value, RedisFailure):
        return value.text[:47]
    if isinstance(value, bytes):
        return _decoded(value)
    if isinstance(value, tuple):
        return ", ".join(map(_reply, value)) if len(value) <= 4 else f"{len(value)} values"
    return str(value)
