"""Reading the learner's answers from an exercise notebook."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..checking.part import UNSOLVED, NotChecked
from ..simulation.program import Cell, CellError, SourceProgram
from .catalogue import EXERCISES

_LARGEST = 20_000_000


class NotUsable(Exception):
    """The notebook as a whole can't be used; the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Submission:
    """A notebook's code cells, and the exercise that they belong to."""

    exercise: str
    cells: tuple[tuple[str, str, bool], ...]
    """(name, source, is it to be executed) in order; the name of a solution cell is its ``grade_id``."""

    def source(self, grade_id: str) -> str:
        """The answer's text."""
        return "".join(source for name, source, _ in self.cells if name == grade_id)

    def program(self, grade_id: str) -> SourceProgram | NotChecked:
        """The namespace as it stood right after the cell of ``grade_id``, executed here."""
        cells = self.cells_for(grade_id)
        if isinstance(cells, NotChecked):
            return cells
        program = SourceProgram(cells)
        return failed(grade_id, program.errors) or program

    def cells_for(self, grade_id: str) -> list[Cell] | NotChecked:
        """The cells to be executed for a part: its own, and those before it."""
        names = [name for name, _, _ in self.cells]
        if grade_id not in names:
            return NotChecked(
                f"expected a solution cell with the grade_id {grade_id}; the notebook has none. Take the cell over "
                "from the notebook as it was handed out (its metadata holds the grade_id)"
            )
        if names.count(grade_id) > 1:
            return NotChecked(
                f"expected one cell with the grade_id {grade_id}; the notebook has {names.count(grade_id)}. "
                "Keep the one that is to count"
            )
        end = names.index(grade_id) + 1
        return [Cell(name, source) for name, source, runs in self.cells[:end] if runs]


def failed(grade_id: str, errors: Sequence[CellError]) -> NotChecked | None:
    """Why the cell of ``grade_id`` can't be checked after it was executed; None if it can."""
    for error in errors:
        if error.cell == grade_id:
            if error.kind == "NotImplementedError":
                return NotChecked(UNSOLVED.format(grade_id), error.line)
            unreadable = error.kind.endswith("SyntaxError") or error.kind in ("IndentationError", "TabError")
            what = "can't be read as Python" if unreadable else "raised an exception when it was executed"
            where = f", line {error.line}" if error.line else ""
            return NotChecked(
                f"the cell {grade_id} {what}{where}: {error.kind}: {error.text}. Mend the cell and check again",
                error.line,
            )
    return None


def read_notebook(path: Path, largest: int = _LARGEST) -> Submission:
    """The submission in the notebook at ``path``, of at most ``largest`` bytes.

    Raises:
        NotUsable: there is no such file, it is no notebook, or not one of this course's exercises.
    """
    try:
        exists = path.exists()
    except (OSError, ValueError) as error:
        raise NotUsable(
            f"{str(path)[:80]} is no name of a file here ({error.args[-1] if error.args else error})"
        ) from None
    if not exists:
        raise NotUsable(
            f"there is no file {path}. Expected an exercise notebook, such as exercises/05-record-and-check.ipynb"
        )
    if path.is_dir():
        raise NotUsable(
            f"{path} is a folder. Expected an exercise notebook, such as exercises/05-record-and-check.ipynb"
        )
    if path.stat().st_size > largest:
        raise NotUsable(
            f"{path} has {path.stat().st_size:,} bytes, more than {largest:,}. Clear its outputs and try again"
        )
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise NotUsable(f"{path} can't be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise NotUsable(
            f"{path} is no notebook: expected JSON, and it can't be read as such ({error}). "
            "Save it again from JupyterLab"
        ) from None
    cells = content.get("cells") if isinstance(content, dict) else None
    if not isinstance(cells, list):
        raise NotUsable(
            f"{path} is JSON, but no notebook of format 4: expected an object with a list of cells. "
            "Open it in JupyterLab and save it again"
        )
    code = [found for number, cell in enumerate(cells, 1) if (found := _code_cell(number, cell))]
    return Submission(_exercise_of(path, content, [name for name, _, _ in code]), tuple(code))


def _code_cell(number: int, cell: Any) -> tuple[str, str, bool] | None:
    if not isinstance(cell, dict) or cell.get("cell_type") != "code":
        return None
    source = cell.get("source", "")
    text = "".join(map(str, source)) if isinstance(source, list) else str(source)
    metadata = cell.get("metadata")
    nbgrader = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    nbgrader = nbgrader if isinstance(nbgrader, dict) else {}
    is_check = bool(nbgrader.get("grade")) and not nbgrader.get("solution")
    if nbgrader.get("solution") and isinstance(nbgrader.get("grade_id"), str):
        return nbgrader["grade_id"], text, True
    return f"cell {number}", text, not is_check


def _exercise_of(path: Path, content: dict[str, Any], grade_ids: list[str]) -> str:
    metadata = content.get("metadata")
    said = metadata.get("redelivery", {}) if isinstance(metadata, dict) else {}
    name: Any = said.get("exercise") if isinstance(said, dict) else None
    if name is None and path.stem in EXERCISES:
        name = path.stem
    known = ", ".join(EXERCISES)
    if name is None:
        raise NotUsable(
            f"{path} is a notebook, but not of an exercise of this course ({known}): its metadata names none. "
            "Start from the notebook as it was handed out"
        )
    if not isinstance(name, str) or name not in EXERCISES:
        raise NotUsable(
            f"{path} belongs to the exercise {name!r}, which this version of the course doesn't have. It has: {known}"
        )
    parts = {part.grade_id for part in EXERCISES[name]}
    if not parts & set(grade_ids):
        raise NotUsable(
            f"{path} has no solution cell of {name} (expected the grade_ids {', '.join(sorted(parts))}). "
            "Start from the notebook as it was handed out"
        )
    return str(name)
