"""The timeline of a run: one row a step in executed order, one column a process, and the state that matters.

`Timeline.of` makes the rows, which text, SVG and widgets all show.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..exploration.replay import Event, Operation, Run
from ..exploration.schedule import choice_text
from ..simulation.calls import Role
from ..simulation.choices import Kind
from ..simulation.operations import (
    CallService,
    RedisCommand,
    RedisFailure,
    RedisReply,
    RedisTransaction,
    RedisWatch,
    Refused,
    Request,
    SendPayment,
    SqlFailure,
    SqlResult,
    SqlStatement,
)
from ..simulation.process import Line
from ..simulation.sqlite_statements import first_keyword
from ..simulation.world import HELD, State
from .coins import Marks, marks_of

_MOST_TEXT = 58
_MOST_ROWS = 160
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
    choice: str = ""
    """The step as a schedule has it: ``A``, ``A!``, ``+A``."""
    shorter: tuple[str, ...] = ()
    """The same as ``text``, in ever fewer words: the verb in front, what was answered at the end."""
    musts: tuple[tuple[int, str], ...] = ()
    """What is wrong in ``state`` from here on to the end: which of them, and what it must be."""
    coins: tuple[tuple[int, str, bool], ...] = ()
    """What this step left in ``state``: in which of them, how much and for which message, and whether that message had
    left some before."""


_ROLES = {Role.LOOP: "consumer"}


@dataclass(frozen=True, slots=True)
class Timeline:
    """Rows and titles; ``no_return`` is the number of the first row after which all is lost (0: from the start)."""

    processes: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    no_return: int | None
    titles: tuple[str, ...] = ()
    """What each process is called at length: consumer A, job S, sender S, receiver R."""
    wrong: str = ""
    """What is wrong at the end."""
    wrong_from: int | None = None
    """The number of the first row from which on it is so."""

    @classmethod
    def of(
        cls, run: Run, source: Callable[[str, int], str] = lambda file, line: "", fate: Run | None = None
    ) -> Timeline:
        """The timeline of ``run``; ``source`` gives a line of the learner's code. ``fate``: the same run, carried on to
        its end, where it is not at its own."""
        rows: list[Row] = []
        used = {event.choice.process for event in run.events}
        # Consumers first, so nobody in front is left out; all of them where it may still be anybody's turn.
        count = max(used, default=0) + 1 if fate is None else len(run.letters)
        watched = run.scenario.watched
        previous = tuple(show(run.first) for _, show in watched)
        last = -1
        marks = marks_of(run, fate)
        titles = [title for title, _ in watched]
        for event in run.events:
            process = event.choice.process
            # Sender and receiver take turns by themselves, which is nothing to point at.
            switched = not event.fault and last >= 0 and process != last and not run.scenario.packets
            line = line_of(event)
            rows.append(
                Row(
                    event.number,
                    "*" if event.fault or event.redelivered or switched else "",
                    process,
                    describe(run, event),
                    line[1] if line and (event.kind in _WITH_LINE or _asked_by_loop(run, event)) else None,
                    event.shown,
                    tuple(a != b for a, b in zip(event.shown, previous, strict=True)),
                    event.fault,
                    event.kind,
                    event.in_transaction,
                    event.output,
                    source(*line) if line else "",
                    choice_text(event.choice, run.letters),
                    _shorter(run, event),
                    tuple(
                        (titles.index(must.title), must.text)
                        for must in marks.musts[event.number]
                        if must.title in titles
                    ),
                    _coins(run, event, marks, previous),
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
            tuple(
                f"{_ROLES.get(role, role.value)} {name}"
                for role, name in zip(run.scenario.roles(run.scenario.bounds), run.letters, strict=False)
            )[:count],
            (fate or run).wrong or "",
            marks.wrong_from,
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
        skipped = repetitions(self.rows)
        for place, row in enumerate(self.rows):
            if place in skipped:
                if place - 1 not in skipped:
                    count = next(n for n in range(1, len(self.rows) + 1) if place + n not in skipped)
                    lines.append(f"     {left_out(self.rows, place, count)}")
                continue
            texts = [""] * len(self.processes)
            texts[row.process] = f"{row.line} │ {row.text}" if row.line else row.text
            lines.append(make(str(row.number), row.mark, texts, list(row.state)))
            lines += [f"       prints: {printed}" for printed in row.output.splitlines() if printed.strip()]
            if row.number == self.no_return:
                lines.append(f" ─── {NO_RETURN} ───")
        if self.no_return == 0:
            lines.append(f" ─── {HOPELESS} ───")
        return "\n".join(lines)


def repetitions(rows: Sequence[Row]) -> frozenset[int]:
    """The places of rows that say what the four before them, and the one after them, say, too; and of those in the
    middle of a run that is too long to be read."""

    def said(row: Row) -> tuple[object, ...]:
        return row.process, row.text, row.line, row.state, row.output, row.fault

    def same(one: int, other: int) -> bool:
        return said(rows[one]) == said(rows[other])

    alike = [place > 0 and same(place - 1, place) for place in range(len(rows))]
    same_again = frozenset(
        place
        for place in range(4, len(rows) - 1)
        if all(alike[place - 3 : place + 2]) and rows[place].kind != "redeliver"
    )
    return same_again | frozenset(range(_MOST_ROWS // 2, len(rows) - _MOST_ROWS // 2))


def left_out(rows: Sequence[Row], place: int, count: int) -> str:
    """What stands instead of ``count`` rows from ``place`` on."""
    if (rows[place].process, rows[place].text) == (rows[place - 1].process, rows[place - 1].text):
        return f"… the same {count} times more"
    return f"… {count} more steps"


def _coins(run: Run, event: Event, marks: Marks, before: Sequence[str]) -> tuple[tuple[int, str, bool], ...]:
    """What a step left in the state that is shown, as far as it can be told in which column."""
    known = marks.coins[event.number - 1]
    fresh = [coin for coin in marks.coins[event.number] if coin not in known and coin.amount and coin.message]
    fresh = [coin for coin in fresh if coin.table in run.scenario.effects]
    changed = [place for place, (a, b) in enumerate(zip(event.shown, before, strict=True)) if a != b]
    if not fresh or not changed:
        return ()
    return tuple((changed[0], f"{coin.amount} ✉{coin.message}", coin.again) for coin in fresh[:2])


def line_of(event: Event) -> Line | None:
    """The line that a step is of: where an exception left the code, where one did."""
    return event.raised_line if event.raised is not None and event.raised_line is not None else event.line


def _asked_by_loop(run: Run, event: Event) -> bool:
    """A loop receives by a line of its own; to a handler a message is brought."""
    return event.kind == "receive" and run.scenario.loop is not None


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
        "nothing",
        "give back",
        "dead letter",
        "dies",
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
    if kind == "crash" and run.scenario.loop is not None:
        return f"crash{_returned(run, event)}"
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
    return name_of_packet(run, event.packet)


def _answer(run: Run, event: Event) -> str:
    return "?" if event.answer is None else str(event.answer.value)


def _dies(run: Run, event: Event) -> str:
    return f"raises {event.raised.name if event.raised else '?'} and dies{_returned(run, event)}"


def _state_before(run: Run, event: Event) -> State | None:
    return run.events[event.number - 2].state if event.number > 1 else None


def _returned(run: Run, event: Event) -> str:
    """What a loop held unacknowledged when it ended, and what the queue delivers again."""
    before = _state_before(run, event)
    held = before.processes[event.choice.process].held if before is not None else ()
    back = [run.scenario.messages[message][0] for message, status in held if status == HELD]
    if not back:
        return ""
    return f"; {' and '.join(back)} return{'s' if len(back) == 1 else ''} to the queue"


def _starts(run: Run, event: Event) -> str:
    earlier = any(e.kind == "start" and e.process == event.process for e in run.events[: event.number - 1])
    return f"{event.call or 'the loop'} starts{' again' if earlier else ''}"


def _ends(run: Run, event: Event) -> str:
    if event.delivery < 0 and run.scenario.writes:
        return f"{event.call} is done"
    stopped = event.state is not None and event.state.processes[event.choice.process].stopped
    early = " before the queue said that it was empty" if stopped else ""
    return f"{event.call or 'the loop'} returns{early}{_returned(run, event)}"


def _transmit(run: Run, event: Event) -> str:
    earlier = any(
        e.kind in ("transmit", "lost packet") and e.packet == event.packet for e in run.events[: event.number - 1]
    )
    lost = " → lost on the way" if event.kind == "lost packet" else ""
    return f"send {_packet(run, event)}{', repeated' if earlier else ''}{lost}"


def _arrives(run: Run, event: Event) -> str:
    """A receiver that was killed is made anew when the next packet comes."""
    ends = [e.kind for e in run.events[: event.number - 1] if e.process == event.process]
    return f"{_packet(run, event)} arrives" + (" at a new receiver" if ends and ends[-1] in ("crash", "dies") else "")


def _payment(event: Event) -> str:
    service = next((o.request for o in event.operations if isinstance(o.request, CallService)), None)
    if service is not None:
        return _shortened(f"ask {service.service} {_arguments(service.content)}")
    request = next((o.request for o in event.operations if isinstance(o.request, SendPayment)), None)
    return f"send {request.key!r} {request.order} {request.amount}" if request else "send"


def _arguments(content: str) -> str:
    method, arguments, named = json.loads(content)
    shown = [*map(_value, arguments), *(f"{name}={_value(value)}" for name, value in named.items())]
    return f"{method}({', '.join(shown)})"


def _refusal(event: Event) -> str:
    told = next((o.told for o in event.operations if isinstance(o.told, Refused)), None)
    return f" → {told.name}" if told is not None else ""


_BACK = "somebody sets the clock back, by a good hour"
_LOOP_AND_LINK: dict[str, Callable[[Run, Event], str]] = {
    "start": _starts,
    "end": _ends,
    "dies": _dies,
    "nothing": lambda run, event: "receive → None",
    "perform": lambda run, event: f"process {_who(run, event)}",
    "fail": lambda run, event: f"process {_who(run, event)} → fails, nothing done",
    "unanswered ack": lambda run, event: f"acknowledge {_who(run, event)} → the answer is lost",
    "transmit": _transmit,
    "lost packet": _transmit,
    "packet": _arrives,
    "answer": lambda run, event: f"answer {_answer(run, event)}",
    "lost answer": lambda run, event: f"answer {_answer(run, event)} → lost on the way",
    "time": lambda run, event: _BACK if run.scenario.set_back and event.fault else "time passes",
    "sleep": lambda run, event: "sleep",
    "send": lambda run, event: _payment(event) + _refusal(event),
    "send lost": lambda run, event: f"{_payment(event)} → the request is lost",
    "send unanswered": lambda run, event: f"{_payment(event)} → the answer is lost",
}


def _statement(operation: Operation) -> str:
    request = operation.request
    if isinstance(request, RedisWatch):
        return _whole(operation)
    if not isinstance(request, SqlStatement):
        return _shortened(_whole(operation))
    if not operation.reads and not operation.writes and first_keyword(request.sql) in ("SELECT", "PRAGMA"):
        return "read the schema"
    return _shortened(_whole(operation))


def _whole(operation: Operation) -> str:
    request = operation.request
    if isinstance(request, RedisWatch):
        return "WATCH " + " ".join(map(_decoded, request.keys))
    if isinstance(request, RedisCommand):
        return _command(request.arguments)
    if isinstance(request, RedisTransaction):
        return "MULTI " + "; ".join(map(_command, request.commands)) + " EXEC"
    if not isinstance(request, SqlStatement):
        return ""
    text = " ".join(request.sql.split()).rstrip(";")
    if request.named:
        for name, value in request.parameters:
            text = text.replace(f":{name}", _value(value))
    else:
        for value in request.parameters:
            text = text.replace("?", _value(value), 1)
    return text.replace('"', "")


def brief(request: Request) -> str:
    """What a process asks for, in two or three words: the verb, and the table or the key."""
    if isinstance(request, RedisWatch):
        return f"WATCH {' '.join(map(_decoded, request.keys))}"[:_MOST_BRIEF]
    if isinstance(request, RedisCommand):
        return " ".join(_command(request.arguments).split()[:2])[:_MOST_BRIEF]
    if isinstance(request, RedisTransaction):
        return "MULTI … EXEC"
    if not isinstance(request, SqlStatement):
        return ""
    verb = first_keyword(request.sql)
    table = _TABLE.search(" ".join(request.sql.split()))
    return f"{verb} {table[1]}"[:_MOST_BRIEF] if table else verb


_MOST_BRIEF = 40
#: The table of a statement: after FROM, INTO or UPDATE.
_TABLE = re.compile(r'\b(?:FROM|INTO|UPDATE(?:\s+OR\s+\w+)?|TABLE(?:\s+IF NOT EXISTS)?)\s+["\[`]?(\w+)', re.IGNORECASE)


def _shorter(run: Run, event: Event) -> tuple[str, ...]:
    """`describe` in ever fewer words; a message's body where bodies differ."""
    body = body_of(run, event.message) if event.kind == "receive" and event.message >= 0 else ""
    whole = describe(run, event)
    if body:
        return f"{whole}: {body}", whole
    if event.kind == "redeliver":
        return (f"queue delivers {_who(run, event)} again",)
    operation = next((o for o in event.operations if not o.free), None)
    if event.kind not in ("sql", "redis", "blocked", "watch", "lock timeout") or operation is None:
        less = whole
        for words, fewer in _FEWER:
            less = less.replace(words, fewer)
        return (whole, less) if less != whole else (whole,)
    text = _whole(operation)
    if whole.startswith("read the schema"):
        return (whole,)
    verb, _, rest = text.partition(" ")
    outcome = _outcome(operation, event.kind)
    less = _LESS.get(outcome, outcome)
    names = brief(operation.request)
    values = f"{names} {_named(operation.request)}".strip()
    sets = _SET.search(text)
    change = f"{names} " + _GROWS.sub(r"\1", sets[1]) if sets else ""
    changes = (change + outcome, change + less) if sets else ()
    return (
        f"{verb.upper() if verb.isalpha() else verb} {rest}".strip() + outcome,
        *changes,
        values + outcome,
        values + less,
        names + less,
    )


#: What an UPDATE sets; and "x = x +" for short.
_SET = re.compile(r"^UPDATE\b.*?\bSET\s+(.*?)(?:\s+WHERE\b|$)", re.IGNORECASE)
_GROWS = re.compile(r"(\b\w+) = \1\b")
#: That one row was written goes without saying.
_FEWER = (
    (" returns to the queue", " back"),
    (" return to the queue", " back"),
    (", delivered again meanwhile", ""),
    (" arrives at a new receiver", " arrives anew"),
    (", the third time → dead-letter queue", " → dead letters"),
)
_LESS = {
    " → UNIQUE constraint failed": " → not unique",
    " → 1 row": "",
    " → waits for a lock": " → waits",
    " → database is locked": " → locked",
}
_LITERAL = re.compile(r"'(?:[^']|'')*'|(?<![\w.])-?\d+(?![\w.])")


def _named(request: Request) -> str:
    """The values that a statement names."""
    if not isinstance(request, SqlStatement):
        return ""
    if request.parameters:
        values = [pair[1] for pair in request.parameters] if request.named else list(request.parameters)
        return ", ".join(map(_value, values))
    after = re.split(r"\b(?:where|values|set)\b", request.sql, maxsplit=1, flags=re.IGNORECASE)
    return ", ".join(_LITERAL.findall(after[1])) if len(after) > 1 else ""


def body_of(run: Run, message: int) -> str:
    """In what a message's body differs from the others'; empty where all are alike."""
    bodies = [body for _, body in run.scenario.messages]
    own = bodies[message]
    if not all(isinstance(body, dict) for body in bodies):
        return ""
    differ = [n for n in own if any(repr(b.get(n)) != repr(own[n]) for b in bodies)]
    return ", ".join(f"{name} {_value(own[name])}" for name in differ)[:_MOST_TEXT]


def name_of_packet(run: Run, packet: int) -> str:
    """A packet of a link, such as ``PUBLISH 7, 20°``."""
    call, _ = run.scenario.packets[packet]
    name = call.function.partition(".on_")[2].upper() or call.function
    return f"{name} {', '.join(map(str, call.arguments))}"


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
