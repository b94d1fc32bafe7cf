"""How the cost of a search grows, as a picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .chart import Chart, Line, Panel
from .numbers import count_words
from .table import Table


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
        words = "States searched and schedules covered, on logarithmic scales, against each bound."
        panels = [
            Panel(
                bound,
                bound,
                (
                    Line("schedules covered", tuple((value, found[value][1]) for value in found)),
                    Line("states searched", tuple((value, found[value][0]) for value in found)),
                ),
                log="y",
                marks={value: str(value) for value in found},
            )
            for bound, found in self.counts.items()
        ]
        return Chart(tuple(panels), words, self.table)._repr_html_()
