"""The timeline as a picture: plain SVG, no script, readable on light and dark pages, nothing said by colour alone.

Its text is never smaller than `LEAST` pixels: the picture is `MOST` pixels wide at most, whatever it says, it is drawn
in `_SIZE` pixels, and a page makes it smaller only as far as `LEAST`, and scrolls from there on (`as_image`). What does
not fit is shortened, with the verb in front; where the page can be pointed at, the whole is shown there.
"""

from __future__ import annotations

import base64
import math
import re
import textwrap
from collections.abc import Sequence
from html import escape

from .plain import plain
from .timeline import HOPELESS, NO_RETURN, Row, Timeline, left_out, repetitions

#: Pixels. On paper a page is some 700 wide, which makes 14 to 11.
MOST, LEAST, _SIZE = 900, 11, 14
_LINE = 25
_CHARACTER = _SIZE * 0.6025
_FONT = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace"
_LEFT = 62.0
_LEAST_LANE, _MOST_STATE, _MOST_STATES = 14, 34, 0.36
#: Lines of a state that is new; where it is as before, one will do.
_MOST_LINES, _NEXT_LINE = 4, 18
#: The same colours as in lab/static/film.js, which draws the picture anew in a page of its own colours.
_LIGHT = {
    "paper": "#ffffff",
    "ink": "#1b1f24",
    "soft": "#57606a",
    "rule": "#d0d7de",
    "bad": "#8a1023",
    "fault": "#fff1d6",
    "fault-ink": "#7a3b00",
    "soft0": "#f1f6fd",
    "soft1": "#f2f9ef",
    "soft2": "#f7f2fc",
    "soft3": "#fdf5ed",
}
_DARK = {
    "paper": "#0d1117",
    "ink": "#e6edf3",
    "soft": "#a3adb8",
    "rule": "#3d444d",
    "bad": "#ff9aa8",
    "fault": "#43320a",
    "fault-ink": "#ffcf8a",
    "soft0": "#0f1d33",
    "soft1": "#10241a",
    "soft2": "#1e1530",
    "soft3": "#2a1c10",
}


def _style(colours: dict[str, str]) -> str:
    fills = "".join(f".rd-{name}{{fill:{colour}}}" for name, colour in colours.items())
    rule, ink, bad, fault = (colours[name] for name in ("rule", "ink", "bad", "fault-ink"))
    return (
        f"{fills}.rd-paper{{stroke:{rule}}}.rd-under{{stroke:{ink}}}.rd-cut{{stroke:{bad}}}.rd-fault{{stroke:{fault}}}"
    )


#: For any picture whose parts have these classes.
STYLE = f"<style>{_style(_LIGHT)}@media (prefers-color-scheme:dark){{{_style(_DARK)}}}</style>"


def to_svg(timeline: Timeline, title: str, description: str = "") -> str:
    """The picture. ``title`` and ``description`` are what a screen reader says first; then the rows, in their order."""
    skipped = repetitions(timeline.rows)
    rows = [row for place, row in enumerate(timeline.rows) if place not in skipped]
    states = _state_widths(timeline, rows)
    lanes = _lane_widths(timeline, rows, MOST - _LEFT - sum(states) - 18)
    starts = [_LEFT + sum(lanes[:i]) for i in range(len(lanes))]
    state_left = _LEFT + sum(lanes) + 10
    state_starts = [state_left + sum(states[:i]) for i in range(len(states))]
    width = state_left + sum(states) + 8
    rules = [timeline.no_return is not None and NO_RETURN, timeline.no_return == 0 and HOPELESS]
    width = max([width, *(len(words) * _CHARACTER + 112 for words in rules if words)])
    out: list[str] = []
    titles = timeline.titles or tuple(f"consumer {name}" for name in timeline.processes)
    for index, start in enumerate(starts):
        out.append(_text(start + 10, 26, titles[index], _fits(lanes[index]), bold=True))
    for index, start in enumerate(state_starts):
        out.append(_text(start, 26, timeline.columns[index], _fits(states[index], 6), bold=True))
    y = 26.0
    for place, row in enumerate(timeline.rows):
        if place in skipped:
            if place - 1 not in skipped:
                count = next(n for n in range(1, len(timeline.rows) + 1) if place + n not in skipped)
                y += _LINE
                words = left_out(timeline.rows, place, count)
                out.append(_text(starts[row.process] + 26, y, words, _fits(lanes[row.process], 40), "soft"))
            continue
        is_last = row.number == len(timeline.rows)
        if row.number == timeline.wrong_from and timeline.wrong and not row.musts and not is_last:
            y += _LINE
            out += _rule(y, width, f"wrong from here: {timeline.wrong}")
        y += _LINE
        out += _row(row, y, starts, lanes, state_starts, states)
        y += _NEXT_LINE * (max((_lines_of(row, i, w) for i, w in enumerate(states)), default=1) - 1)
        y += 4 * bool(row.coins)
        for words in _printed(row):
            y += _LINE
            out.append(_text(starts[row.process] + 26, y, f"prints: {words}", _fits(lanes[row.process], 40), "soft"))
        if row.number == timeline.no_return:
            y += _LINE
            out += _rule(y, width, NO_RETURN)
        if row.number == timeline.wrong_from and timeline.wrong and not row.musts and is_last:
            y += _LINE
            out += _rule(y, width, f"wrong at the end: {timeline.wrong}")
    if timeline.no_return == 0:
        y += _LINE
        out += _rule(y, width, HOPELESS)
    height = y + 20
    back = [f'<rect width="{width:.0f}" height="{height:.0f}" rx="6" class="rd-paper"/>']
    for index, start in enumerate(starts):
        back.append(
            f'<rect x="{start:.0f}" y="6" width="{lanes[index] - 6:.0f}" height="{height - 12:.0f}" rx="4" '
            f'class="rd-soft{index % 4}"/>'
        )
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
        f'height="{height:.0f}" role="group" font-family="{_FONT}" font-size="{_SIZE}">',
        f"<title>{escape(title)}</title>",
        f"<desc>{escape(description)}</desc>",
        STYLE,
    ]
    return "".join([*head, *back, *out, "</svg>"])


def _rule(y: float, width: float, words: str) -> list[str]:
    """A dashed line across the picture, with words in it."""
    fits = _fits(width - 80)
    wide = min(len(words), fits) * _CHARACTER + 16
    return [
        f'<line x1="8" y1="{y - 4:.0f}" x2="{width - 8:.0f}" y2="{y - 4:.0f}" class="rd-cut" stroke-width="1.5" '
        'stroke-dasharray="6 4"/>',
        f'<rect x="{_LEFT:.0f}" y="{y - 15:.0f}" width="{wide:.0f}" height="20" rx="3" class="rd-paper" '
        'stroke-width="0"/>',
        _text(_LEFT + 8, y, words, fits, "bad", bold=True),
    ]


def _printed(row: Row) -> list[str]:
    return [line[:80] for line in row.output.splitlines() if line.strip()][:5]


# -- widths ------------------------------------------------------------------------------------------------


def _fits(width: float, margin: float = 20) -> int:
    """So many characters."""
    return max(4, int((width - margin) / _CHARACTER))


def _state_widths(timeline: Timeline, rows: Sequence[Row]) -> list[float]:
    longest = [
        max([len(name)] + [len(_shown_state(row, i)) for row in rows]) for i, name in enumerate(timeline.columns)
    ]
    cut = [min(count, _MOST_STATE) for count in longest]
    most = MOST * _MOST_STATES
    widths = [count * _CHARACTER + 14 for count in cut]
    return _shared(widths, most, [12 * _CHARACTER] * len(widths))


def _lane_widths(timeline: Timeline, rows: Sequence[Row], most: float) -> list[float]:
    widths, least = [], []
    for index in range(len(timeline.processes)):
        mine = [row for row in rows if row.process == index]
        texts = [_words(row) for row in mine] + [f"  prints: {words}" for row in mine for words in _printed(row)]
        name = timeline.titles[index] if timeline.titles else "consumer A"
        widths.append(max([len(t) for t in texts] + [len(name), 12]) * _CHARACTER + 26)
        least.append(max(_LEAST_LANE, len(name) + 1) * _CHARACTER + 26)
    return _shared(widths, most, least)


def _shared(wanted: Sequence[float], most: float, least: Sequence[float]) -> list[float]:
    """``wanted``, cut where it is more than ``most`` together: the widest give first, none gets below ``least``."""
    low, high = 0.0, max([*wanted, 0.0])
    if sum(wanted) <= most:
        return list(wanted)
    for _ in range(40):
        middle = (low + high) / 2
        if sum(min(w, max(middle, m)) for w, m in zip(wanted, least, strict=True)) > most:
            high = middle
        else:
            low = middle
    return [min(w, max(low, m)) for w, m in zip(wanted, least, strict=True)]


def shortened(text: str, most: int) -> str:
    """``text`` in so many characters: the verb in front, and what was answered at the end."""
    if len(text) <= most:
        return text
    front, arrow, outcome = text.rpartition(" → ")
    tail = f" → {outcome}" if arrow else ""
    if not arrow or len(tail) > most * 0.6:
        return text[: most - 1] + "…"
    return front[: most - 1 - len(tail)].rstrip() + "…" + tail


# -- rows --------------------------------------------------------------------------------------------------


def _words(row: Row, most: int = 10**9) -> str:
    """What a row says in so many characters, as fully as it can."""
    line = f"{row.line} │ " if row.line else ""
    texts = [line + text for text in (row.shorter or (row.text,))]
    return next((text for text in texts if len(text) <= most), texts[-1])


def _shown_state(row: Row, index: int) -> str:
    must = next((text for place, text in row.musts if place == index), None)
    return row.state[index] if must is None else f"{row.state[index]}, must be {must}"


def _state_lines(row: Row, index: int, width: float) -> list[str]:
    """A state in as many lines as it takes, where it is new."""
    value, fits = _shown_state(row, index), _fits(width, 6)
    is_new = row.number == 1 or row.state_changed[index]
    if len(value) <= fits or not is_new:
        return [value]
    lines = textwrap.wrap(value, fits) or [value]
    return [*lines[: _MOST_LINES - 1], " ".join(lines[_MOST_LINES - 1 :])] if len(lines) > _MOST_LINES else lines


def _lines_of(row: Row, index: int, width: float) -> int:
    """How many lines a state takes, with the coins below it."""
    return len(_state_lines(row, index, width)) + sum(column == index for column, _, _ in row.coins)


def _row(
    row: Row,
    y: float,
    starts: Sequence[float],
    lanes: Sequence[float],
    state_starts: Sequence[float],
    states: Sequence[float],
) -> list[str]:
    out = ['<g class="rd-row">', _text(32, y, str(row.number), 4, "soft", anchor="end")]
    if row.mark:
        out.append(_text(42, y, row.mark, 2, "fault-ink", bold=True))
    x, wide = starts[row.process], lanes[row.process]
    if row.fault:
        out.append(
            f'<rect x="{x + 4:.0f}" y="{y - 16:.0f}" width="{wide - 14:.0f}" height="22" rx="3" class="rd-fault" '
            'stroke-dasharray="3 2"/>'
        )
    elif row.in_transaction:
        out.append(f'<rect x="{x + 3:.0f}" y="{y - 17:.0f}" width="3" height="{_LINE}" class="rd-soft"/>')
    words = _words(row, _fits(wide))
    out.append(_text(x + 10, y, words, _fits(wide), "fault-ink" if row.fault else "ink", whole=_words(row)))
    for index, (start, changed) in enumerate(zip(state_starts, row.state_changed, strict=True)):
        fits = _fits(states[index], 6)
        wrong = any(place == index for place, _ in row.musts)
        colour = "bad" if wrong else "ink" if changed else "soft"
        lines = _state_lines(row, index, states[index])
        for place, words in enumerate(lines):
            out.append(_text(start, y + _NEXT_LINE * place, words, fits, colour, changed or wrong))
        if changed and len(lines) == 1:
            line = min(len(row.state[index]), fits) * _CHARACTER
            out.append(
                f'<line x1="{start:.0f}" y1="{y + 4:.0f}" x2="{start + line:.0f}" y2="{y + 4:.0f}" class="rd-under"/>'
            )
    for place, (column, said, again) in enumerate(row.coins):
        below = y + 3 + _NEXT_LINE * (len(_state_lines(row, column, states[column])) + place)
        out += _coin(state_starts[column], below, _coin_text(said, again, states[column]), again)
    out.append("</g>")
    return out


def _coin_text(said: str, again: bool, width: float) -> str:
    whole = f"{said} again" if again else said
    return whole if len(whole) * _CHARACTER <= width - 6 else said


def _coin(x: float, y: float, words: str, again: bool) -> list[str]:
    """Where money came from; a second time for one message it is dashed."""
    wide = len(words) * _CHARACTER + 14
    dash = 'class="rd-cut" stroke-dasharray="4 3"' if again else 'class="rd-under"'
    return [
        f'<rect x="{x - 7:.0f}" y="{y - 14:.0f}" width="{wide:.0f}" height="18" rx="9" fill="none" {dash}/>',
        f'<text x="{x:.0f}" y="{y:.0f}" class="rd-{"bad" if again else "ink"}" '
        f'xml:space="preserve">{escape(words)}</text>',
    ]


def _text(
    x: float,
    y: float,
    words: str,
    most: int,
    colour: str = "ink",
    bold: bool = False,
    anchor: str = "start",
    whole: str = "",
) -> str:
    shown = shortened(words, most)
    weight = ' font-weight="bold"' if bold else ""
    end = f' text-anchor="{anchor}"' if anchor != "start" else ""
    tip = f"<title>{escape(whole or words)}</title>" if shown != (whole or words) else ""
    return (
        f'<text x="{x:.0f}" y="{y:.0f}" class="rd-{colour}"{weight}{end} xml:space="preserve">'
        f"{tip}{escape(shown)}</text>"
    )


def as_image(svg: str, alternative: str) -> str:
    """An HTML image that holds the picture itself, which a notebook shows before it is trusted, too. It grows smaller
    with the page as long as its text can be read, and scrolls then."""
    data = base64.b64encode(plain(svg).encode()).decode()
    return (
        f'<div style="overflow-x:auto"><img alt="{escape(alternative, quote=True)}" style="{size_of(svg)}" '
        f'src="data:image/svg+xml;base64,{data}"></div>'
    )


def size_of(svg: str) -> str:
    """The style in which a picture's text is never smaller than `LEAST` pixels."""
    box = re.search(r'viewBox="[\d.]+ [\d.]+ ([\d.]+) ', svg)
    if box is None:
        return "max-width:100%;height:auto"
    width = float(box[1])
    smallest = min((float(size) for size in re.findall(r'font-size="([\d.]+)"', svg)), default=float(LEAST))
    return f"width:{width:.0f}px;min-width:{math.ceil(width * LEAST / smallest)}px;max-width:100%;height:auto"
