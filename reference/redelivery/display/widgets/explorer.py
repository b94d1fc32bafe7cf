"""The guarantee explorer: sliders for what goes wrong, and what it does to a day of messages."""

from __future__ import annotations

import math
from html import escape
from itertools import accumulate
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from ...lessons.faulty_day import ORDERS, Day, a_day
from ..svg import STYLE, as_image

_WIDTH, _HEIGHT, _LEFT, _TOP = 640, 260, 56, 18


class GuaranteeExplorer(anywidget.AnyWidget):
    """Sliders, and a picture of what is lost and what is repeated. The same settings give the same picture."""

    _esm = Path(__file__).parent / "explorer.js"
    _css = Path(__file__).parent / "widgets.css"
    loss = traitlets.Float(0.05, min=0.0, max=0.9).tag(sync=True)
    duplication = traitlets.Float(0.0, min=0.0, max=0.9).tag(sync=True)
    crash = traitlets.Float(0.02, min=0.0, max=0.9).tag(sync=True)
    acknowledge = traitlets.Enum(ORDERS, "after the work").tag(sync=True)
    seed = traitlets.Int(8).tag(sync=True)
    orders = traitlets.List(list(ORDERS)).tag(sync=True)
    picture = traitlets.Unicode().tag(sync=True)
    """The plot, as SVG."""
    words = traitlets.Unicode().tag(sync=True)
    """The same in a sentence."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._draw()
        self.observe(lambda _: self._draw(), names=["loss", "duplication", "crash", "acknowledge", "seed"])

    @property
    def day(self) -> Day:
        """The day with the settings of now."""
        return a_day(self.loss, self.duplication, self.crash, self.acknowledge, self.seed)

    def _draw(self) -> None:
        day = self.day
        self.words = (
            f"Of {len(day.done):,} messages {day.lost:,} were lost, and work was repeated {day.repeated:,} times: "
            f"{day.guarantee}."
        )
        self.picture = plot(day, self.words)

    def _repr_mimebundle_(self, **named: Any) -> Any:
        shown = super()._repr_mimebundle_(**named)
        data: Any = shown[0] if isinstance(shown, tuple) else shown
        note = "In JupyterLab, with the cell run, here are sliders."
        rates = f"Acknowledgements lost: {self.loss:.0%}; delivered twice: {self.duplication:.0%}; crashes: "
        settings = f"{rates}{self.crash:.0%}; acknowledged {self.acknowledge}; seed {self.seed}."
        data["text/plain"] = f"{settings} {self.words}"
        picture = as_image(self.picture, self.words)
        data["text/html"] = f"<p>{escape(settings)} {note}</p>{picture}<p>{escape(self.words)}</p>"
        return shown


def plot(day: Day, words: str) -> str:
    """Lost and repeated so far, over the messages of the day."""
    lost = list(accumulate((times == 0 for times in day.done), initial=0))
    repeated = list(accumulate((max(0, times - 1) for times in day.done), initial=0))
    # The axis stays as it is, so that the size of what is lost is seen, and not its shape alone.
    part = len(day.done) // 2
    top = part * max(1, math.ceil(max(lost[-1], repeated[-1]) / part))
    inner_width, inner_height = _WIDTH - _LEFT - 150, _HEIGHT - _TOP - 40

    def line(values: list[int], style: str) -> str:
        every = max(1, len(values) // 200)
        kept = [*range(0, len(values) - 1, every), len(values) - 1]
        points = " ".join(
            f"{_LEFT + inner_width * n / (len(values) - 1):.1f},{_TOP + inner_height * (1 - values[n] / top):.1f}"
            for n in kept
        )
        return f'<polyline points="{points}" fill="none" class="rd-under" stroke-width="2.5" {style}/>'

    def text(x: float, y: float, said: str, anchor: str = "start") -> str:
        return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" class="rd-ink">{escape(said)}</text>'

    lost_at, repeated_at = (_TOP + 4 + inner_height * (1 - values[-1] / top) for values in (lost, repeated))
    if abs(lost_at - repeated_at) < 16:  # side by side they could not be read
        repeated_at = lost_at - 16 if lost_at > _TOP + 20 else lost_at + 16
    bottom, right = _TOP + inner_height, _LEFT + inner_width
    half = _TOP + inner_height / 2
    return "".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
            'font-family="system-ui, sans-serif" font-size="13">',
            f"<title>{escape(words)}</title>",
            STYLE,
            f'<rect width="{_WIDTH}" height="{_HEIGHT}" class="rd-paper"/>',
            f'<path d="M{_LEFT} {_TOP}V{bottom}H{right}" fill="none" class="rd-under"/>',
            f'<path d="M{_LEFT} {half:.1f}H{right}" fill="none" class="rd-under" stroke-dasharray="1 6"/>',
            text(_LEFT - 6, _TOP + 10, f"{top:,}", "end"),
            text(_LEFT - 6, half + 4, f"{top // 2:,}", "end"),
            text(_LEFT - 6, bottom, "0", "end"),
            text((_LEFT + right) / 2, bottom + 30, f"messages, 0 to {len(day.done):,}", "middle"),
            line(lost, 'stroke-dasharray="7 5"'),
            line(repeated, ""),
            text(right + 8, lost_at, f"- - lost: {lost[-1]}"),
            text(right + 8, repeated_at, f"— repeated: {repeated[-1]}"),
            "</svg>",
        ]
    )
