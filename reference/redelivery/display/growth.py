"""How the cost of a search grows, as a picture."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass

from .numbers import count_words
from .svg import as_image
from .table import Table

_STATES, _SCHEDULES = "#0b5d1e", "#7a3b00"


@dataclass(frozen=True, slots=True)
class Growth:
    """For each bound, by its value: (states searched, schedules covered)."""

    counts: Mapping[str, Mapping[int, tuple[int, int]]]

    @property
    def table(self) -> Table:
        """The numbers."""
        lines = [
            (bound, str(value), f"{states:,}", count_words(schedules))
            for bound, found in self.counts.items()
            for value, (states, schedules) in found.items()
        ]
        return Table(("bound", "value", "states searched", "schedules covered"), tuple(lines))

    def __str__(self) -> str:
        return str(self.table)

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        words = "States searched and schedules covered, on logarithmic scales, against each bound. The numbers as text:"
        return as_image(self._svg(), f"{words}\n{self.table}")

    def _svg(self) -> str:
        import matplotlib
        from matplotlib.figure import Figure

        with matplotlib.rc_context({"svg.hashsalt": "redelivery", "font.size": 11}):
            figure = Figure(figsize=(10, 3.4), layout="constrained")
            panels = figure.subplots(1, len(self.counts), sharey=True, squeeze=False)[0]
            for panel, (bound, found) in zip(panels, self.counts.items(), strict=True):
                values = list(found)
                panel.plot(values, [found[v][1] for v in values], "s--", color=_SCHEDULES, label="schedules covered")
                panel.plot(values, [found[v][0] for v in values], "o-", color=_STATES, label="states searched")
                panel.set_yscale("log")
                panel.set_xticks(values)
                panel.set_xlabel(bound)
                panel.grid(alpha=0.3)
            panels[0].legend()
            file = io.StringIO()
            figure.savefig(file, format="svg", metadata={"Date": None})
        return file.getvalue()
