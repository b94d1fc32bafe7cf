"""The corpus of wrong and right answers: mutants (each with the diagnosis planted in it) and variants."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from redelivery.simulation.program import Cell, SourceProgram

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Answer:
    """One file. ``diagnosis`` and ``lines`` (those marked ``# here``) are a mutant's."""

    exercise: str
    part: str
    name: str
    source: str

    @property
    def diagnosis(self) -> str:
        """What the learner must be told."""
        return self.source.splitlines()[0].removeprefix("# diagnosis:").strip()

    @property
    def lines(self) -> set[int]:
        """The lines a teacher would point at."""
        return {n for n, line in enumerate(self.source.splitlines(), 1) if line.rstrip().endswith("# here")}

    def program(self) -> SourceProgram:
        """The answer as the checker takes it from a notebook."""
        return SourceProgram([Cell(self.part, self.source)])

    def __str__(self) -> str:
        return f"{self.part}/{self.name}"


def answers(kind: str) -> list[Answer]:
    """All answers of a kind: ``mutants`` or ``variants``."""
    found = []
    for path in sorted((FOLDER / kind).glob("*/*/*.py")):
        found.append(Answer(path.parts[-3], path.parts[-2], path.stem, path.read_text(encoding="utf-8")))
    return found
