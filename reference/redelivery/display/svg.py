"""The timeline as a picture: plain SVG, no script, readable on light and dark pages, nothing said by colour alone."""

from __future__ import annotations

import base64
from html import escape

from .plain import plain
from .timeline import HOPELESS, NO_RETURN, Row, Timeline, left_out, repetitions

_LINE = 26
_CHARACTER = 7.3
_PAPER, _INK, _SOFT, _RULE = "#ffffff", "#1b1f24", "#57606a", "#d0d7de"
_LANES = ("#e8f0fb", "#eef6ea")
_FAULT, _FAULT_INK = "#fff1d6", "#7a3b00"
_END = "#a40e26"
_FONT = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace"


def to_svg(timeline: Timeline, title: str, description: str = "") -> str:
    """The picture. ``title`` and ``description`` are what a screen reader says."""
    lanes = _lane_widths(timeline)
    states = [
        max([len(name)] + [len(row.state[i]) for row in timeline.rows]) * _CHARACTER + 22
        for i, name in enumerate(timeline.columns)
    ]
    left = 58.0
    starts = [left + sum(lanes[:i]) for i in range(len(lanes))]
    state_left = left + sum(lanes) + 10
    state_starts = [state_left + sum(states[:i]) for i in range(len(states))]
    width = state_left + sum(states) + 8
    if timeline.no_return is not None:  # its words have to fit in
        width = max(width, (len(NO_RETURN) + 12) * _CHARACTER)
    prints = sum(len(_printed(row)) for row in timeline.rows)
    extra = prints + (1 if timeline.no_return is not None else 0)
    skipped = repetitions(timeline.rows)
    extra += sum(place - 1 not in skipped for place in skipped)
    height = (len(timeline.rows) - len(skipped) + 1 + extra) * _LINE + 20
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
        f'height="{height:.0f}" role="img" font-family="{_FONT}" font-size="12">',
        f"<title>{escape(title)}</title>",
        f"<desc>{escape(description)}</desc>",
        f'<rect width="{width:.0f}" height="{height:.0f}" rx="6" fill="{_PAPER}" stroke="{_RULE}"/>',
    ]
    titles = timeline.titles or tuple(f"consumer {name}" for name in timeline.processes)
    for index, start in enumerate(starts):
        colour = _LANES[index % 2]
        out.append(
            f'<rect x="{start:.0f}" y="6" width="{lanes[index] - 6:.0f}" height="{height - 12:.0f}" rx="4" '
            f'fill="{colour}"/>'
        )
        out.append(_text(start + 10, 24, titles[index], weight="bold"))
    for index, start in enumerate(state_starts):
        out.append(_text(start, 24, timeline.columns[index], weight="bold"))
    y = 24.0
    for place, row in enumerate(timeline.rows):
        if place in skipped:
            if place - 1 not in skipped:
                count = next(n for n in range(1, len(timeline.rows) + 1) if place + n not in skipped)
                y += _LINE
                out.append(_text(starts[row.process] + 24, y, left_out(timeline.rows, place, count), colour=_SOFT))
            continue
        y += _LINE
        out += _row(row, y, starts, lanes, state_starts)
        for words in _printed(row):
            y += _LINE
            out.append(_text(starts[row.process] + 24, y, f"prints: {words}", colour=_SOFT))
        if row.number == timeline.no_return:
            y += _LINE
            out += _rule(y, width, NO_RETURN)
    if timeline.no_return == 0:
        out += _rule(y + _LINE, width, HOPELESS)
    out.append("</svg>")
    return "".join(out)


def _rule(y: float, width: float, words: str) -> list[str]:
    """A dashed line across the picture, with words in it."""
    wide = len(words) * _CHARACTER + 16
    return [
        f'<line x1="8" y1="{y - 4:.0f}" x2="{width - 8:.0f}" y2="{y - 4:.0f}" stroke="{_END}" stroke-width="1.5" '
        'stroke-dasharray="6 4"/>',
        f'<rect x="58" y="{y - 14:.0f}" width="{wide:.0f}" height="19" rx="3" fill="{_PAPER}"/>',
        _text(66, y, words, colour=_END, weight="bold"),
    ]


def _printed(row: Row) -> list[str]:
    return [line[:80] for line in row.output.splitlines() if line.strip()][:5]


def _lane_widths(timeline: Timeline) -> list[float]:
    widths = []
    for index in range(len(timeline.processes)):
        mine = [row for row in timeline.rows if row.process == index]
        texts = [_words(row) for row in mine] + [f"  prints: {words}" for row in mine for words in _printed(row)]
        widths.append(max([len(t) for t in texts] + [12]) * _CHARACTER + 30)
    return widths


def _words(row: Row) -> str:
    return f"{row.line} │ {row.text}" if row.line else row.text


def _row(row: Row, y: float, starts: list[float], lanes: list[float], state_starts: list[float]) -> list[str]:
    out = [_text(30, y, str(row.number), colour=_SOFT, anchor="end")]
    if row.mark:
        out.append(_text(40, y, row.mark, colour=_FAULT_INK, weight="bold"))
    x = starts[row.process]
    if row.fault:
        out.append(
            f'<rect x="{x + 4:.0f}" y="{y - 16:.0f}" width="{lanes[row.process] - 14:.0f}" height="22" rx="3" '
            f'fill="{_FAULT}" stroke="{_FAULT_INK}" stroke-dasharray="3 2"/>'
        )
    elif row.in_transaction:
        out.append(f'<rect x="{x + 3:.0f}" y="{y - 17:.0f}" width="3" height="{_LINE}" fill="{_SOFT}"/>')
    colour = _FAULT_INK if row.fault else _INK
    out.append(_text(x + 10, y, _words(row), colour=colour))
    for start, value, changed in zip(state_starts, row.state, row.state_changed, strict=True):
        if changed:
            out.append(_text(start, y, value, weight="bold"))
            wide = len(value) * _CHARACTER
            out.append(
                f'<line x1="{start:.0f}" y1="{y + 4:.0f}" x2="{start + wide:.0f}" y2="{y + 4:.0f}" stroke="{_INK}"/>'
            )
        else:
            out.append(_text(start, y, value, colour=_SOFT))
    return out


def _text(x: float, y: float, words: str, colour: str = _INK, weight: str = "normal", anchor: str = "start") -> str:
    bold = f' font-weight="{weight}"' if weight != "normal" else ""
    end = f' text-anchor="{anchor}"' if anchor != "start" else ""
    return f'<text x="{x:.0f}" y="{y:.0f}" fill="{colour}"{bold}{end} xml:space="preserve">{escape(words)}</text>'


def as_image(svg: str, alternative: str) -> str:
    """An HTML image that holds the picture itself, which a notebook shows before it is trusted, too."""
    data = base64.b64encode(plain(svg).encode()).decode()
    return (
        f'<img alt="{escape(alternative, quote=True)}" style="max-width:100%;height:auto" '
        f'src="data:image/svg+xml;base64,{data}">'
    )
