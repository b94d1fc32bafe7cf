"""Notebooks as JSON: their cells, and where the answers are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def cells_of(content: Any) -> list[dict[str, Any]] | None:
    """The cells of a notebook of format 4; None if it is none."""
    cells = content.get("cells") if isinstance(content, dict) else None
    if not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
        return None
    return cells


def load(data: bytes) -> dict[str, Any] | None:
    """A notebook from its bytes; None if they are none."""
    try:
        content = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return content if cells_of(content) is not None else None


def source(cell: dict[str, Any]) -> str:
    """A cell's text."""
    text = cell.get("source", "")
    return "".join(map(str, text)) if isinstance(text, list) else str(text)


def answers(cells: list[dict[str, Any]], part: str) -> list[int]:
    """Where the answers to a part are: their numbers in the notebook."""
    return [number for number, cell in enumerate(cells) if grade_id(cell) == part and _nbgrader(cell).get("solution")]


def grade_id(cell: dict[str, Any]) -> str | None:
    """The name of a graded cell."""
    name = _nbgrader(cell).get("grade_id")
    return name if isinstance(name, str) else None


def _nbgrader(cell: dict[str, Any]) -> dict[str, Any]:
    metadata = cell.get("metadata")
    found = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    return found if isinstance(found, dict) else {}


def was_only_run(one: bytes, other: bytes) -> bool:
    """Whether two notebooks have the same cells and differ in outputs and the like."""
    texts = []
    for data in (one, other):
        content = load(data)
        if content is None:
            return False
        texts.append([(cell.get("cell_type"), source(cell)) for cell in content["cells"]])
    return texts[0] == texts[1]


def save(path: Path, content: dict[str, Any]) -> None:
    """Write a notebook as JupyterLab does, in one step."""
    new = path.with_name(f".{path.name}.part")
    new.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    new.replace(path)
