"""A table: HTML in a notebook, aligned text elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text under a head; the first ``words`` columns are words, the others numbers (set to the right)."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: int = 1

    def __str__(self) -> str:
        widths = [max(map(len, column)) for column in zip(self.head, *self.rows, strict=True)]
        return "\n".join(self._line(row, widths) for row in (self.head, *self.rows))

    def _line(self, row: tuple[str, ...], widths: list[int]) -> str:
        texts = [
            text.ljust(width) if place < self.words else text.rjust(width)
            for place, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        return "  ".join(texts).rstrip()

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        head = "".join(
            f'<th scope="col" style="{self._style(n)}">{escape(text)}</th>' for n, text in enumerate(self.head)
        )
        rows = "".join(f"<tr>{self._cells(row)}</tr>" for row in self.rows)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"

    def _cells(self, row: tuple[str, ...]) -> str:
        first, *rest = row
        cells = [f'<th scope="row" style="{self._style(0)};font-weight:normal">{escape(first)}</th>']
        cells += [f'<td style="{self._style(n)}">{escape(text)}</td>' for n, text in enumerate(rest, 1)]
        return "".join(cells)

    def _style(self, place: int) -> str:
        return f"text-align:{'left' if place < self.words else 'right'}"
