"""A run as a film: plain data that a page can show step by step, without asking anybody.

What a page needs for step ``i`` is what holds after ``i`` steps, and which line of the learner's code runs next.
Contents of stores are kept once each; a film of 60 steps is some 20 kB.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..exploration.replay import Event, Run
from ..simulation.sqlite_store import Contents
from ..simulation.world import HELD, State
from .timeline import Timeline

#: The media type under which a notebook keeps a film, beside the picture and the text that say the same. It is JSON,
#: kept as one text: as JSON proper a notebook would give each of its values a line.
MEDIA_TYPE = "application/vnd.redelivery.film"
_MOST_ROWS = 12
_LONGEST = 60
#: Tables that say how a scenario is judged, not what a store holds.
_INNER = frozenset({"faults"})


def film_of(run: Run, timeline: Timeline, title: str, source: Callable[[str], str]) -> dict[str, Any]:
    """The film of ``run``; ``source`` gives the learner's code in a file."""
    files = sorted({event.line[0] for event in run.events if event.line})
    tables: list[Any] = []
    places: dict[Any, int] = {}

    def keep(contents: Contents) -> int:
        shown = _tables(contents)
        key = repr(shown)
        if key not in places:
            places[key] = len(tables)
            tables.append(shown)
        return places[key]

    first = {
        "tables": keep(run.first),
        "queue": _queue(run, None),
        "state": [show(run.first) for _, show in run.scenario.watched],
    }
    steps = [
        {
            "number": row.number,
            "mark": row.mark,
            "process": row.process,
            "text": row.text,
            "file": files.index(event.line[0]) if event.line and row.line else None,
            "line": row.line,
            "fault": row.fault,
            "open": row.in_transaction,
            "prints": row.output[:500],
            "state": list(row.state),
            "tables": keep(event.contents),
            "queue": _queue(run, event),
        }
        for row, event in zip(timeline.rows, run.events, strict=False)
    ]
    return {
        "title": title,
        "processes": list(timeline.titles or timeline.processes),
        "columns": list(timeline.columns),
        "files": [{"lines": source(name).splitlines()} for name in files],
        "noReturn": timeline.no_return,
        "first": first,
        "steps": steps,
        "tables": tables,
    }


def _tables(contents: Contents) -> list[Any]:
    """Each table: its name, its rows as texts, and how many more there are."""
    found = []
    for name, rows in contents:
        if name in _INNER:
            continue
        shown = [[_text(value) for value in row] for row in rows[:_MOST_ROWS]]
        found.append([name, shown, max(0, len(rows) - _MOST_ROWS)])
    return found


def _text(value: object) -> str:
    text = value.decode(errors="replace") if isinstance(value, bytes) else "NULL" if value is None else str(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _queue(run: Run, event: Event | None) -> list[str]:
    """Where each message is, in words; nothing where there is no queue."""
    if run.scenario.packets or not run.scenario.messages:
        return []
    state: State | None = event.state if event is not None else None
    return [f"{identity}: {_place(run, state, number)}" for number, (identity, _) in enumerate(run.scenario.messages)]


def _place(run: Run, state: State | None, number: int) -> str:
    if state is None:
        return "waiting"
    holders = [
        letter + ("" if current else " (delivered again since)")
        for letter, process in zip(run.letters, state.processes, strict=False)
        for message, current in _held(run, process)
        if message == number
    ]
    words = [f"with {' and '.join(holders)}"] if holders else []
    if state.dead >> number & 1:
        words.append("in the dead-letter queue")
    elif state.acknowledged >> number & 1:
        words.append("acknowledged")
    elif number in state.ready:
        words.append("waiting")
    return ", ".join(words) or "waiting"


def _held(run: Run, process: Any) -> list[tuple[int, bool]]:
    """The messages that a process has in hand, and whether they are still its own."""
    if run.scenario.loop is not None:
        return [(message, status == HELD) for message, status in process.held]
    if 0 <= process.message < len(run.scenario.messages):
        return [(process.message, process.current)]
    return []
