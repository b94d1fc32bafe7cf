"""Resetting an exercise, or one answer in it, to what was handed out: the copies in `redelivery/handed_out`.

They are those that came with this version of the course, whether or not the learner works with git, and whatever was
committed since. `scripts/hand-out` makes them, and a test compares them with `exercises/`.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ..exercises.catalogue import exercise_name, part_of
from .checkout import keep_copy
from .notebooks import answers, grade_id, load, save, source

HANDED_OUT = Path(__file__).resolve().parents[1] / "handed_out"


class CannotReset(Exception):
    """Nothing was changed; the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Reset:
    """A reset that can be carried out."""

    path: Path
    what: str
    content: bytes | dict[str, Any]
    replaces: bool
    """There is a file now, so a copy has to be kept."""

    def carry_out(self, now: datetime) -> Path | None:
        """Do it; returns the copy of what was there.

        Raises:
            CannotReset: no copy could be made, or the file can't be written.
        """
        try:
            kept = keep_copy(self.path, now) if self.replaces else None
        except OSError as error:
            raise CannotReset(
                f"no copy of {self.path.name} can be kept in {self.path.parent.name}/backup ({error.strerror}), "
                "so nothing was changed. Make room or give yourself the right to write there"
            ) from None
        try:
            if isinstance(self.content, bytes):
                new = self.path.with_name(f".{self.path.name}.part")
                new.write_bytes(self.content)
                new.replace(self.path)
            else:
                save(self.path, self.content)
        except OSError as error:
            raise CannotReset(f"{self.path.name} can't be written ({error.strerror}); it is as it was") from None
        return kept


def plan(folder: Path, exercise: str, part: str | None) -> Reset | None:
    """What a reset would do; None if all is as handed out already.

    Raises:
        CannotReset: there is no such exercise or part, or the notebook can't be changed in one part.
    """
    name = exercise_name(exercise)
    if name is None or not (HANDED_OUT / f"{name}.ipynb").is_file():
        known = ", ".join(path.stem for path in sorted(HANDED_OUT.glob("*.ipynb")))
        raise CannotReset(f"there is no exercise {exercise!r}; expected its number or its name, of {known}")
    pristine = (HANDED_OUT / f"{name}.ipynb").read_bytes()
    path = folder / "exercises" / f"{name}.ipynb"
    try:
        now = path.read_bytes() if path.exists() else None
    except OSError as error:
        raise CannotReset(f"{path.name} can't be read ({error.strerror})") from None
    if part is None:
        return None if now == pristine else Reset(path, f"exercises/{path.name}", pristine, now is not None)
    try:
        part_of(name, part)
    except LookupError as error:
        raise CannotReset(str(error)) from None
    if now is None:
        raise CannotReset(f"there is no exercises/{path.name}. Get the whole of it: redelivery reset {name[:2]}")
    content = _with_part_reset(name, part, now, pristine)
    return None if content is None else Reset(path, f"the answer to {part} in exercises/{path.name}", content, True)


def _with_part_reset(name: str, part: str, now: bytes, pristine: bytes) -> dict[str, Any] | None:
    mine, given = load(now), load(pristine)
    whole = f"reset the whole notebook: redelivery reset {name[:2]}"
    if mine is None:
        raise CannotReset(f"exercises/{name}.ipynb is no notebook any more, so no part of it can be found; {whole}")
    assert given is not None
    number = answers(given["cells"], part)[0]
    found = answers(mine["cells"], part)
    if len(found) > 1:
        raise CannotReset(f"{len(found)} cells have the grade_id {part}; delete all but one, or {whole}")
    if found:
        cell = mine["cells"][found[0]]
        if source(cell) == source(given["cells"][number]):
            return None
        cell["source"] = given["cells"][number]["source"]
        cell.update(outputs=[], execution_count=None)
        return mine
    check = [n for n, cell in enumerate(mine["cells"]) if grade_id(cell) == f"check_{part}"]
    if not check:
        raise CannotReset(f"there is neither a cell {part} nor the check below it to say where it was; {whole}")
    mine["cells"].insert(check[0], copy.deepcopy(given["cells"][number]))
    return mine
