"""All exercises, by name."""

from __future__ import annotations

from ..checking.part import Part
from . import delivery_guarantees, idempotence, record_and_check, unique_constraints, version_preconditions

#: Exercise name → its parts in the order of the notebook.
EXERCISES: dict[str, tuple[Part, ...]] = {
    exercise.NAME: exercise.PARTS
    for exercise in (delivery_guarantees, idempotence, unique_constraints, version_preconditions, record_and_check)
}


def exercise_name(text: str) -> str | None:
    """The full name of an exercise by its number or name; None if there is none."""
    for name in EXERCISES:
        if text in (name, name.split("-", 1)[0]):
            return name
    return None


def part_of(exercise: str, grade_id: str) -> Part:
    """One part.

    Raises:
        LookupError: with the parts there are.
    """
    for part in EXERCISES[exercise]:
        if part.grade_id == grade_id:
            return part
    names = ", ".join(part.grade_id for part in EXERCISES[exercise])
    raise LookupError(f"{exercise} has no part {grade_id!r}; its parts are {names}")
