"""The timeline as text at the width of a terminal.

Where the columns of all processes fit beside one another they stand there; where they don't, the steps stand one below
the other, with the letter of the process in front and what changed in the stores below::

      5     B  14 │ UPDATE account SET balance = balance + 100 → 1 row
                    account: 666 100
"""

from __future__ import annotations

import os
from dataclasses import replace

from ..display.timeline import HOPELESS, NO_RETURN, Row, Timeline, left_out, repetitions
from ..exploration.replay import Run

_NARROWEST = 40


def picture(run: Run, timeline: Timeline, width: int) -> str:
    """The timeline in lines of at most ``width`` characters."""
    width = max(width, _NARROWEST)
    timeline = _with_files(run, timeline)
    text = timeline.to_text()
    if max(map(len, text.splitlines()), default=0) <= width:
        return text
    return _stacked(timeline, width)


def _with_files(run: Run, timeline: Timeline) -> Timeline:
    """Where lines come from several files, each is named."""
    lines = [event.line for event in run.events]
    files = {line[0] for line, row in zip(lines, timeline.rows, strict=False) if line and row.line}
    if len(files) < 2:
        return timeline
    rows = []
    for line, row in zip(lines, timeline.rows, strict=False):
        if line and row.line:
            row = replace(row, line=None, text=f"{os.path.basename(line[0])}:{row.line} │ {row.text}")
        rows.append(row)
    return replace(timeline, rows=tuple(rows))


def _stacked(timeline: Timeline, width: int) -> str:
    out: list[str] = []
    skipped = repetitions(timeline.rows)
    for place, row in enumerate(timeline.rows):
        if place in skipped:
            if place - 1 not in skipped:
                count = next(n for n in range(1, len(timeline.rows) + 1) if place + n not in skipped)
                out.append(f"       {left_out(timeline.rows, place, count)}")
            continue
        out += _row(timeline, row, width)
        if row.number == timeline.no_return:
            out.append(_rule(NO_RETURN, width))
    if timeline.no_return == 0:
        out.append(_rule(HOPELESS, width))
    return "\n".join(out)


def _rule(words: str, width: int) -> str:
    return _cut(f" ─── {words} ───", width)


def _row(timeline: Timeline, row: Row, width: int) -> list[str]:
    who = timeline.processes[row.process] if row.process < len(timeline.processes) else " "
    text = f"{row.line} │ {row.text}" if row.line else row.text
    lines = [_cut(f"{row.number:>3} {row.mark:1}  {who}  {text}", width)]
    lines += [_cut(f"          prints: {printed}", width) for printed in row.output.splitlines() if printed.strip()]
    for title, state, changed in zip(timeline.columns, row.state, row.state_changed, strict=True):
        if changed:
            lines.append(_cut(f"          {title}: {state}", width))
    return lines


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
