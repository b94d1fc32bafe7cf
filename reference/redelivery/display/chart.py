"""Line charts as plain SVG: readable on light and dark pages, lines told apart by their dashes and marks as well as by
colour, and the numbers as a table for whoever can't see or wants to look them up."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from .svg import STYLE, as_image
from .table import Table

_WIDTH, _HEIGHT, _SIZE = 900, 330, 14
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 14, 58, 50
_GAP = 66
#: How lines differ, in this order: classes of svg.STYLE or of `_MORE`, dashes, marks.
_INKS = ("line0", "line1", "line2", "line3")
_DASHES = ("", "7 4", "2 3", "10 3 2 3")
_MARKS = ("circle", "square", "diamond", "cross")
_LIGHT = {"line0": "#0b5d1e", "line1": "#7a3b00", "line2": "#0b4a8a", "line3": "#6b2c91"}
_DARK = {"line0": "#7fd694", "line1": "#ffb066", "line2": "#8ec2ff", "line3": "#d4a5f5"}
_MOST_MARKS = 40


def _colours(colours: Mapping[str, str]) -> str:
    return "".join(f".rd-{name}{{stroke:{c};fill:none}}.rd-{name}-full{{fill:{c}}}" for name, c in colours.items())


_MORE = f"<style>{_colours(_LIGHT)}@media (prefers-color-scheme:dark){{{_colours(_DARK)}}}</style>"
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Line:
    """Points (x, y) that belong together, from left to right."""

    name: str
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Panel:
    """Lines over one pair of axes.

    ``log``: which of the axes, "x" and "y", are logarithmic; there all numbers are above 0. ``marks``: where on the x
    axis something is written, and what; None: at round numbers. ``rule``: an x at which a line stands, and its name.
    ``lowest``: where the y axis begins.
    """

    title: str
    x: str
    lines: tuple[Line, ...]
    y: str = ""
    log: str = ""
    marks: Mapping[float, str] | None = None
    rule: tuple[float, str] | None = None
    lowest: float | None = None


@dataclass(frozen=True, slots=True)
class Chart:
    """Panels side by side, in a notebook a picture, elsewhere the table of its numbers (``table``, where the points are
    too many to tell)."""

    panels: tuple[Panel, ...]
    words: str
    """What there is to see, for whoever can't."""
    numbers: Table | None = None

    @property
    def table(self) -> Table:
        """The numbers."""
        if self.numbers is not None:
            return self.numbers
        rows = [
            (panel.title, line.name, _number(x), _number(y))
            for panel in self.panels
            for line in panel.lines
            for x, y in line.points
        ]
        return Table(("panel", "line", self.panels[0].x, "value"), tuple(rows), words=2)

    def __str__(self) -> str:
        return str(self.table)

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return as_image(self.svg(), f"{self.words} The numbers as text:\n{self.table}")

    def svg(self) -> str:
        """The picture."""
        width = (_WIDTH - _LEFT - _RIGHT - _GAP * (len(self.panels) - 1)) / len(self.panels)
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" '
            f'height="{_HEIGHT}" role="img" font-family="system-ui,sans-serif" font-size="{_SIZE}">',
            f"<title>{escape(self.words)}</title>{STYLE}{_MORE}",
            f'<rect width="{_WIDTH}" height="{_HEIGHT}" rx="6" class="rd-paper"/>',
        ]
        named: list[str] = []
        for number, panel in enumerate(self.panels):
            drawn = _Drawn(panel, _LEFT + number * (width + _GAP), width)
            parts += drawn.parts()
            names = [line.name for line in panel.lines]
            if len(names) > 1 and names != named:  # said once where all panels have the same lines
                parts += drawn.legend()
            named = names
        return "".join([*parts, "</svg>"])


class _Drawn:
    def __init__(self, panel: Panel, left: float, width: float) -> None:
        self.panel, self.left, self.width = panel, left, width
        points = [point for line in panel.lines for point in line.points]
        self.log_x, self.log_y = "x" in panel.log, "y" in panel.log
        rule = [] if panel.rule is None else [panel.rule[0]]
        self.xs = _range([x for x, _ in points] + rule, self.log_x)
        lowest = [] if panel.lowest is None else [panel.lowest]
        self.ys = _range([y for _, y in points if not self.log_y or y > 0] + lowest, self.log_y, above=0.04)
        self.height = _HEIGHT - _TOP - _BOTTOM

    def at(self, x: float, y: float) -> tuple[float, float]:
        """A point in the picture."""
        right = _share(x, self.xs, self.log_x)
        up = _share(y, self.ys, self.log_y)
        return self.left + right * self.width, _TOP + (1 - up) * self.height

    def parts(self) -> Iterable[str]:
        """The panel."""
        panel, bottom = self.panel, _TOP + self.height
        yield _text(self.left, 24, panel.title, "start", bold=True)
        yield _text(self.left + self.width / 2, _HEIGHT - 12, panel.x)
        if panel.y:
            yield _text(self.left - 6, 46, panel.y, "start", "soft")
        for y in _ticks(self.ys, self.log_y):
            _, height = self.at(self.xs[0], y)
            yield f'<path d="M{self.left:.0f} {height:.1f}h{self.width:.0f}" class="rd-under" stroke-opacity=".18"/>'
            yield _text(self.left - 8, height + 5, _number(y), "end", "soft")
        marks = panel.marks or {x: _number(x) for x in _ticks(self.xs, self.log_x)}
        for x, words in marks.items():
            across, _ = self.at(x, self.ys[0])
            yield f'<path d="M{across:.1f} {bottom}v5" class="rd-under"/>'
            yield _text(across, bottom + 20, words, colour="soft")
        yield f'<path d="M{self.left:.0f} {_TOP}V{bottom}h{self.width:.0f}" class="rd-under" fill="none"/>'
        if panel.rule is not None:
            across, _ = self.at(panel.rule[0], self.ys[0])
            yield f'<path d="M{across:.1f} {_TOP}V{bottom}" class="rd-under" stroke-dasharray="6 4"/>'
            yield _text(across - 6, _TOP + 12, panel.rule[1], "end", "soft")
        for number, line in enumerate(panel.lines):
            yield from self._line(line, number % len(_INKS))

    def _line(self, line: Line, number: int) -> Iterable[str]:
        places = [self.at(x, y) for x, y in line.points if not self.log_y or y > 0]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
        dashes = f' stroke-dasharray="{_DASHES[number]}"' if _DASHES[number] else ""
        yield f'<path d="M{path}" class="rd-{_INKS[number]}" stroke-width="2"{dashes}/>'
        if len(places) <= _MOST_MARKS:
            for x, y in places:
                yield _mark(x, y, number)

    def legend(self) -> Iterable[str]:
        """What the lines are called, above the panel."""
        x = self.left
        for number, line in enumerate(self.panel.lines):
            dashes = f' stroke-dasharray="{_DASHES[number]}"' if _DASHES[number] else ""
            yield f'<path d="M{x:.0f} 41h26" class="rd-{_INKS[number]}" stroke-width="2"{dashes}/>'
            yield _mark(x + 13, 41, number)
            yield _text(x + 32, 46, line.name, "start")
            x += 50 + 7.6 * len(line.name)


def _mark(x: float, y: float, number: int) -> str:
    kind, full = _MARKS[number], f'class="rd-{_INKS[number]}-full"'
    if kind == "circle":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" {full}/>'
    if kind == "square":
        return f'<path d="M{x - 4:.1f} {y - 4:.1f}h8v8h-8z" {full}/>'
    if kind == "diamond":
        return f'<path d="M{x:.1f} {y - 5:.1f}l5 5-5 5-5-5z" {full}/>'
    return f'<path d="M{x - 4:.1f} {y - 4:.1f}l8 8m0-8l-8 8" class="rd-{_INKS[number]}" stroke-width="2"/>'


def _text(x: float, y: float, words: str, anchor: str = "middle", colour: str = "ink", bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x:.0f}" y="{y:.0f}" class="rd-{colour}" text-anchor="{anchor}"{weight}>{escape(words)}</text>'


def _range(values: Sequence[float], log: bool, above: float = 0.0) -> tuple[float, float]:
    """From the least to the greatest value, with some room above."""
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    if log:
        return low, high * (high / low) ** above if high > low else low * 10
    return (low, high + (high - low) * above) if high > low else (low - 0.5, high + 0.5)


def _share(value: float, span: tuple[float, float], log: bool) -> float:
    low, high = span
    if log:
        return (math.log(value) - math.log(low)) / (math.log(high) - math.log(low))
    return (value - low) / (high - low)


def _ticks(span: tuple[float, float], log: bool) -> list[float]:
    """Round numbers within a range."""
    low, high = span
    if log:
        first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
        return [10.0**n for n in range(first, last + 1, max(1, (last - first) // 5))]
    rough = (high - low) / 5
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * n for n in (1, 2, 5, 10) if unit * n >= rough * 0.999)
    return [n * step for n in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def _number(value: float) -> str:
    """A number as short as it can be said: thousands and more, and very small ones, as powers of ten if they are."""
    exponent = round(math.log10(value)) if value > 0 else 0
    if value > 0 and abs(exponent) > 3 and math.isclose(value, 10.0**exponent, rel_tol=1e-9):
        return "10" + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"
