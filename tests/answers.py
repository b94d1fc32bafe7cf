"""The corpus of wrong and right answers: mutants (each with the diagnosis planted in it) and variants."""

from __future__ import annotations

from pathlib import Path

from redelivery.exercises import verify
from redelivery.exercises.verify import Answer

FOLDER = Path(__file__).parent

__all__ = ["FOLDER", "Answer", "answers"]


def answers(kind: str) -> list[Answer]:
    """All answers of a kind: ``mutants`` or ``variants``."""
    return verify.answers(FOLDER, kind)
