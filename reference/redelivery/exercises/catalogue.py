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


def heading_of(exercise: str, grade_id: str) -> str:
    """The heading of a part in its exercise's notebook, without its marks."""
    number, part = next((n, p) for n, p in enumerate(EXERCISES[exercise], 1) if p.grade_id == grade_id)
    return f"Part {number}: {grade_id} ({part.points} points)"


def next_after(exercise: str, grade_id: str) -> tuple[str, str]:
    """What comes after a part, in words and as an address: within the notebook, or from the course's folder on."""
    parts = [part.grade_id for part in EXERCISES[exercise]]
    place = parts.index(grade_id) + 1
    if place < len(parts):
        anchor = heading_of(exercise, parts[place]).replace(" ", "-")
        return f"Next: part {place + 1}, {parts[place]}", f"#{anchor}"
    names = list(EXERCISES)
    number = names.index(exercise) + 1
    if number < len(names):
        return f"Next: lesson {names[number][:2]}, {_title(names[number])}", f"course/{names[number]}.ipynb"
    return "Next: 90, Which technique", "course/90-which-technique.ipynb"


def _title(name: str) -> str:
    return name[3:].replace("-", " ").capitalize()
