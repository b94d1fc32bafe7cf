"""The kill matrix: every wrong and every right answer of the course, and what the checker said of it.

The course keeps the matrix of the last `redelivery verify --save` in a file. ``tests/test_corpus.py`` compares each
row with what the checker says now, so that what a reader sees is what is so.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from .numbers import count_words
from .table import Table

_FAULTS = "+!~^?-@"
_MOST_TEXT = 30


@dataclass(frozen=True, slots=True)
class Row:
    """One answer."""

    kind: str
    """``mutants``: wrong on purpose; ``variants``: right."""
    exercise: str
    part: str
    name: str
    planted: str
    """The diagnosis that a wrong answer was written for."""
    verdict: str
    diagnosis: str
    schedule: str | None
    """The smallest counterexample."""
    schedules: int
    """How many schedules were covered."""
    seconds: float

    @property
    def is_right(self) -> bool:
        """Whether it must be proved."""
        return self.kind == "variants"

    @property
    def judged_rightly(self) -> bool:
        """Whether verdict and diagnosis are what the answer was written for."""
        if self.is_right:
            return self.verdict == "proved"
        return self.verdict in ("refuted", "stuck") and self.diagnosis == self.planted

    @property
    def faults(self) -> int:
        """The faults that its counterexample has, free time-outs included."""
        return sum((self.schedule or "").count(mark) for mark in _FAULTS)


def shortened(schedule: str | None) -> str:
    """A schedule in a few characters."""
    if schedule is None:
        return "–"
    text = schedule or "(from the start)"
    return text if len(text) <= _MOST_TEXT else text[: _MOST_TEXT - 1] + "…"


@dataclass(frozen=True, slots=True)
class Matrix:
    """Rows, by exercise and part. Shows as one table a part, folded in a notebook."""

    rows: tuple[Row, ...]

    @property
    def parts(self) -> tuple[tuple[str, str], ...]:
        """(exercise, part) of all rows, each once."""
        return tuple(sorted({(row.exercise, row.part) for row in self.rows}))

    def of(self, exercise: str, part: str) -> Matrix:
        """The rows of one part."""
        return Matrix(tuple(row for row in self.rows if (row.exercise, row.part) == (exercise, part)))

    @property
    def misjudged(self) -> tuple[Row, ...]:
        """Wrong answers that passed or got another diagnosis, right ones that did not pass."""
        return tuple(row for row in self.rows if not row.judged_rightly)

    def summary(self) -> Table:
        """One line a part, and one for all."""
        head = ("part", "wrong answers", "refuted", "stuck", "right answers", "proved", "median time")
        lines = [(f"{exercise[:2]} {part}", *_counts(self.of(exercise, part).rows)) for exercise, part in self.parts]
        return Table(head, (*lines, ("all", *_counts(self.rows))))

    def by_faults(self) -> Table:
        """How many faults it took to break the wrong answers."""
        found = Counter(row.faults for row in self.rows if row.schedule is not None)
        lines = tuple((str(faults), f"{found[faults]:,}") for faults in range(max(found, default=0) + 1))
        return Table(("faults in the counterexample", "wrong answers"), lines, words=0)

    def _table(self) -> Table:
        head = ("answer", "verdict", "diagnosis", "smallest schedule", "schedules covered", "time")
        return Table(head, tuple(_line(row) for row in self.rows), words=4)

    def __str__(self) -> str:
        return "\n\n".join(f"{exercise}\n{self.of(exercise, part)._table()}" for exercise, part in self.parts)

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return "".join(self.of(exercise, part)._folded() for exercise, part in self.parts)

    def _folded(self) -> str:
        wrong = sum(not row.is_right for row in self.rows)
        first = self.rows[0]
        title = f"{first.exercise}, {first.part}: {wrong} wrong answers, {len(self.rows) - wrong} right ones"
        return f"<details><summary>{title}</summary>{self._table()._repr_html_()}</details>"


def _counts(rows: Sequence[Row]) -> tuple[str, ...]:
    wrong = Counter(row.verdict for row in rows if not row.is_right)
    right = Counter(row.verdict for row in rows if row.is_right)
    taken = median(row.seconds for row in rows) if rows else 0.0
    numbers = (wrong.total(), wrong["refuted"], wrong["stuck"], right.total(), right["proved"])
    return (*(str(number) for number in numbers), f"{taken * 1000:.0f} ms")


def _line(row: Row) -> tuple[str, ...]:
    return (
        f"{row.part}/{row.name}",
        row.verdict,
        (row.diagnosis or "–") + ("" if row.judged_rightly else f" (planted: {row.planted or 'nothing'})"),
        shortened(row.schedule),
        count_words(row.schedules),
        f"{row.seconds * 1000:.0f} ms",
    )


def read(path: str | Path) -> Matrix:
    """The matrix of a file that `redelivery verify --save` wrote.

    Raises:
        FileNotFoundError: there is none; the message says how to make it.
        ValueError: it is not of this form.
    """
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
        return Matrix(tuple(Row(**row) for row in found["answers"]))
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no {path}; make it with: redelivery verify --save {path}") from None
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{path} is no kill matrix ({error}); make it anew: redelivery verify --save {path}") from None


def write(path: str | Path, rows: Iterable[Row]) -> None:
    """Write a matrix, one row a line and always in the same order."""
    ordered = sorted(rows, key=lambda row: (row.exercise, row.part, row.kind, row.name))
    lines = ",\n".join(json.dumps(asdict(row), ensure_ascii=False) for row in ordered)
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'{{"answers": [\n{lines}\n]}}\n', encoding="utf-8")
