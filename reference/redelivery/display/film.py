"""A run as a film: plain data that a page can show step by step, without asking anybody.

What a page needs for step ``i`` is what holds after ``i`` steps: where each message is, where each process stands and
what it believes, what the stores hold and who made it so. All of it is found out here; a page only draws. What is the
same after several steps is kept once; a film of 60 steps is some 30 kB.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

from ..exploration.replay import Event, Run, Standing
from ..simulation.calls import Role
from ..simulation.operations import Acknowledge, CallService, Perform, Raised, Receive, Returned, SendPayment, Sleep
from ..simulation.sqlite_store import NO_LOCK, Contents
from ..simulation.world import HELD, State
from .beliefs import Belief, beliefs_of
from .coins import INNER, Coin, marks_of, row_keys
from .timeline import Timeline, body_of, brief, line_of, name_of_packet

#: The media type under which a notebook keeps a film, beside the picture and the text that say the same. It is JSON,
#: kept as one text: as JSON proper a notebook would give each of its values a line.
MEDIA_TYPE = "application/vnd.redelivery.film"
_MOST_ROWS = 12
_LONGEST = 60
_LONG_FILE, _MARGIN = 150, 12
_MOST_WAITING, _MOST_COINS, _MOST_MESSAGES = 8, 12, 40
#: Columns of what is kept elsewhere than in SQLite.
_COLUMNS = {
    "performed": ("message", "times"),
    "payments": ("key", "order", "amount"),
    "other services": ("key", "service", "content"),
    "dead letters": ("message",),
}


def film_of(
    run: Run, timeline: Timeline, title: str, source: Callable[[str], str], fate: Run | None = None
) -> dict[str, Any]:
    """The film of ``run``; ``source`` gives the learner's code in a file. ``fate``: the same run, carried on to its
    end without faults, where it is not at its own: it says since when it is wrong."""
    lines = {line for event in run.events if (line := line_of(event))}
    lines |= {standing.line for event in run.events for standing in event.standing if standing.line}
    files = sorted({file for file, _ in lines})
    marks = marks_of(run, fate)
    beliefs = beliefs_of(run, marks.coins)
    columns = _columns(run)
    tables, queues, panes, coins, notes, sets = _Kept(), _Kept(), _Kept(), _Kept(), _Kept(), _Kept()
    envelopes = _Envelopes(run)

    def after(place: int) -> dict[str, Any]:
        event = run.events[place - 1] if place else None
        contents = event.contents if event else run.first
        return {
            "tables": tables(_tables(contents, columns)),
            "state": list(event.shown) if event else [show(contents) for _, show in run.scenario.watched],
            "queue": queues(envelopes.after(event)),
            "panes": panes(_panes(run, event, files, len(timeline.processes))),
            "coins": sets([coins(_coin(coin)) for coin in _worth_showing(marks.coins[place])]),
            "beliefs": sets([notes(_belief(run, belief)) for belief in beliefs[place]]),
            "musts": [
                [timeline.columns.index(m.title) if m.title in timeline.columns else -1, m.text, m.table, _text(m.key)]
                for m in marks.musts[place]
            ],
        }

    first = after(0)
    steps = [
        {
            "number": row.number,
            "mark": row.mark,
            "process": row.process,
            "text": row.text,
            "choice": row.choice,
            "kind": event.kind,
            "file": files.index(line[0]) if row.line and (line := line_of(event)) else None,
            "line": row.line,
            "fault": row.fault,
            "open": row.in_transaction,
            "prints": row.output[:500],
            "move": _move(run, event, row.process),
            **after(row.number),
        }
        for row, event in zip(timeline.rows, run.events, strict=False)
    ]
    return {
        "format": 2,
        "title": title,
        "letters": list(timeline.processes),
        "processes": list(timeline.titles or timeline.processes),
        "coded": [role not in (Role.SENDER, Role.WRITER) for role in run.scenario.roles(run.scenario.bounds)],
        "columns": list(timeline.columns),
        "hasQueue": bool(run.scenario.messages) and not run.scenario.packets,
        "messages": [[_text(i), body_of(run, n)] for n, (i, _) in enumerate(run.scenario.messages[:_MOST_MESSAGES])],
        "did": run.scenario.did,
        "store": _store(run),
        "sql": run.scenario.uses_sqlite,
        "files": [_around(source(name).splitlines(), [n for file, n in lines if file == name]) for name in files],
        "noReturn": timeline.no_return,
        "wrong": (fate or run).wrong,
        "wrongFrom": marks.wrong_from,
        "first": first,
        "steps": steps,
        "tables": tables.all,
        "queues": queues.all,
        "panes": panes.all,
        "coins": coins.all,
        "beliefs": notes.all,
        "sets": sets.all,
    }


def _store(run: Run) -> str:
    """What the stores are called together."""
    scenario = run.scenario
    names = ["database"] * scenario.uses_sqlite + ["Redis"] * scenario.uses_redis
    return " and ".join(names) or "what was done"


class _Kept:
    """Values that are kept once each, and named by their numbers."""

    def __init__(self) -> None:
        self.all: list[Any] = []
        self._places: dict[str, int] = {}

    def __call__(self, value: Any) -> int:
        key = repr(value)
        if key not in self._places:
            self._places[key] = len(self.all)
            self.all.append(value)
        return self._places[key]


def _around(lines: list[str], used: list[int]) -> dict[str, Any]:
    """A file, or as much of a long one as the run came by."""
    if len(lines) <= _LONG_FILE:
        return {"first": 1, "lines": lines}
    first = max(1, min(used) - _MARGIN)
    return {"first": first, "lines": lines[first - 1 : min(max(used) + _MARGIN, first + 2 * _LONG_FILE)]}


# -- stores ------------------------------------------------------------------------------------------------


def _columns(run: Run) -> dict[str, list[str]]:
    """The names of the columns of the tables that are there from the start."""
    found: dict[str, list[str]] = {name: list(columns) for name, columns in _COLUMNS.items()}
    try:
        with closing(sqlite3.connect(":memory:")) as connection:
            run.scenario.prepare(connection)
            names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            for (name,) in names:
                found[name] = [row[1] for row in connection.execute("SELECT * FROM pragma_table_info(?)", (name,))]
    except sqlite3.Error:  # a picture without the names of columns is a picture
        pass
    return found


def _tables(contents: Contents, columns: dict[str, list[str]]) -> list[Any]:
    """Each table: its name, the names of its columns, its rows as texts, by what coins name the rows, and how many
    rows more there are."""
    found = []
    for name, rows in contents:
        if name in INNER:
            continue
        names = columns.get(name, [])
        # A table without a key of its own has a hidden number in front of each row.
        hidden = 1 if names and rows and len(rows[0]) == len(names) + 1 else 0
        redis = not names and bool(rows) and all(len(row) == 3 for row in rows) and name not in columns
        shown = [[_text(value) for value in row[hidden:]] for row in rows[:_MOST_ROWS]]
        if redis and all(row[2] is None for row in rows[:_MOST_ROWS]):
            shown = [row[:2] for row in shown]
        keys = row_keys(rows)[:_MOST_ROWS]
        found.append([_text(name), names, shown, [_text(key) for key in keys], max(0, len(rows) - _MOST_ROWS)])
    return found


def _text(value: object) -> str:
    text = value.decode(errors="replace") if isinstance(value, bytes) else "NULL" if value is None else str(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _worth_showing(coins: Sequence[Coin]) -> list[Coin]:
    """Of each row the last coins, and all that are there once too often."""
    found: list[Coin] = []
    left: Counter[tuple[str, str]] = Counter()
    rows: dict[str, set[str]] = {}
    for coin in reversed(coins):
        known = rows.setdefault(coin.table, set())
        place = (coin.table, coin.row)
        left[place] += 1
        if coin.again or coin.overwritten or (left[place] <= _MOST_COINS and len(known | {coin.row}) <= 2 * _MOST_ROWS):
            known.add(coin.row)
            found.append(coin)
    return found[::-1]


def _coin(coin: Coin) -> list[Any]:
    shown = _text(coin.message)
    return [coin.table, _text(coin.row), coin.amount, shown, coin.process, coin.step, coin.again, coin.overwritten]


def _belief(run: Run, belief: Belief) -> list[Any]:
    place = run.letters.index(belief.process) if belief.process in run.letters else 0
    tables = sorted(belief.tables)
    return [place, belief.step, belief.text, belief.against, belief.against_step, belief.against_table, tables]


# -- processes ---------------------------------------------------------------------------------------------


def _panes(run: Run, event: Event | None, files: list[str], count: int) -> list[Any]:
    """Of each process: the file and the line at which it stands, what it does next, whether a transaction is open,
    whether it waits for a lock."""
    if event is None or event.state is None:
        return [[None, None, "", False, False]] * count
    found = []
    for place, (process, standing) in enumerate(zip(event.state.processes, event.standing, strict=True)):
        if place >= count:
            break
        transaction = process.transaction
        opened = transaction.open and (transaction.lock > NO_LOCK or transaction.snapshot >= 0)
        line = standing.line
        file = files.index(line[0]) if line and line[0] in files else None
        number = line[1] if line and file is not None else None
        found.append([file, number, next_step(run, event.state, place, standing), opened, process.waiting])
    return found


def next_step(run: Run, state: State | None, place: int, standing: Standing) -> str:
    """What a process would do next, in a few words."""
    request = standing.request
    role = run.scenario.roles(run.scenario.bounds)[place]
    if request is None:
        if role is Role.SENDER:
            return "send the next packet"
        if role is Role.WRITER:
            return "start"
        words = {Role.CONSUMER: "receive a message", Role.LOOP: "start", Role.JOB: "start", Role.RECEIVER: "take it"}
        return words.get(role, "start")
    if isinstance(request, Returned):
        return {Role.CONSUMER: "acknowledge", Role.RECEIVER: "answer"}.get(role, "return")
    if isinstance(request, Raised):
        return f"raise {request.name}"
    if isinstance(request, Acknowledge | Perform | Receive | Sleep):
        return {Acknowledge: "acknowledge", Perform: "process", Receive: "receive a message", Sleep: "sleep"}[
            type(request)
        ]
    if isinstance(request, SendPayment | CallService):
        return "send"
    return brief(request)


# -- messages ----------------------------------------------------------------------------------------------


class _Envelopes:
    """Where each message is, after each step: (id, place, again, old). ``place`` is a letter, ``queue``, ``done`` or
    ``dead``; ``again``: it is not its first delivery; ``old``: the queue has delivered it again since."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._seen: set[int] = set()
        self._again: dict[tuple[str, int], bool] = {}

    def after(self, event: Event | None) -> list[Any]:
        """Called for one step after the other."""
        run = self._run
        messages = [_text(identity) for identity, _ in run.scenario.messages]
        if run.scenario.packets:
            state = event.state if event else None
            if state is None or state.link.where == 0:
                return []
            packet = state.link.places[state.link.sender]
            return [[name_of_packet(run, packet), "link" if state.link.where == 1 else "R", False, False]]
        if event is None or event.state is None:
            more = [[f"{len(messages) - _MOST_WAITING} more", "queue", False, False]]
            first = [[name, "queue", False, False] for name in messages[:_MOST_WAITING]]
            return first + more * (len(messages) > _MOST_WAITING)
        if event.kind == "receive":
            self._again[event.process, event.message] = event.redelivered
        state = event.state
        found: list[Any] = [[messages[n], "queue", n in self._seen, False] for n in state.ready[:_MOST_WAITING]]
        if len(state.ready) > _MOST_WAITING:
            found.append([f"{len(state.ready) - _MOST_WAITING} more", "queue", False, False])
        for letter, process in zip(run.letters, state.processes, strict=False):
            for message, current in _held(run, process):
                found.append([messages[message], letter, self._again.get((letter, message), False), not current])
        numbers = range(len(messages))
        dead = [messages[n] for n in numbers if state.dead >> n & 1]
        done = [messages[n] for n in numbers if state.acknowledged >> n & 1 and not state.dead >> n & 1]
        for names, place in ((dead, "dead"), (done, "done")):
            shown = ", ".join(names) if len(names) <= _MOST_WAITING else f"{len(names)} messages"
            found += [[shown, place, False, False]] * bool(names)
        if event.kind == "receive":
            self._seen.add(event.message)
        return found


def _held(run: Run, process: Any) -> list[tuple[int, bool]]:
    """The messages that a process has in hand, and whether they are still its own."""
    if run.scenario.loop is not None:
        return [(message, status == HELD) for message, status in process.held]
    if 0 <= process.message < len(run.scenario.messages):
        return [(process.message, process.current)]
    return []


#: What is under way in a step: from where, to where, whether it breaks on its way.
_MOVES = {
    "receive": ("queue", "P", False),
    "redeliver": ("", "queue", False),
    "ack": ("P", "queue", False),
    "stale ack": ("P", "queue", True),
    "lost ack": ("P", "queue", True),
    "unanswered ack": ("queue", "P", True),
    "give back": ("P", "queue", False),
    "dead letter": ("P", "queue", False),
    "transmit": ("P", "link", False),
    "packet": ("link", "P", False),
    "lost packet": ("P", "link", True),
    "answer": ("P", "link", False),
    "lost answer": ("P", "link", True),
    "send lost": ("P", "store", True),
    "send unanswered": ("store", "P", True),
    "send": ("P", "store", False),
    "perform": ("P", "store", False),
}


def _move(run: Run, event: Event, process: int) -> list[Any] | None:
    """What is under way in this step: from, to, what, whether it is a repetition, whether it breaks."""
    found = _MOVES.get(event.kind)
    if found is None or (event.kind == "give back" and not event.current):
        return None
    who = _text(run.scenario.messages[event.message][0]) if event.message >= 0 else ""
    letter = run.letters[process]
    start, end, breaks = (letter if place == "P" else place for place in found)
    what = who
    if event.kind.endswith("ack"):
        what = f"ack {who}"
    elif event.kind in ("transmit", "lost packet", "packet"):
        what = name_of_packet(run, event.packet)
    elif "answer" in event.kind and event.answer is not None:
        what = _text(event.answer.value)
    if event.kind == "ack" and event.choice.kind.value == "^":
        breaks = True
    again = event.redelivered or event.kind == "redeliver"
    return [start, end, what, again, breaks]


__all__ = ["MEDIA_TYPE", "film_of", "next_step"]
