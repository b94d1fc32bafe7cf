"""sqlite-utils without numpy and pandas, which it imports wherever they are installed: most of what starting costs."""

from __future__ import annotations

import sys
from pathlib import Path

_LEFT_OUT = ("numpy", "pandas")


def import_for(notebook: Path) -> None:
    """Import sqlite-utils in a process that checks ``notebook``, with them only if they are named there."""
    try:
        text = notebook.read_bytes()
    except (OSError, ValueError):
        return  # whoever reads it next says what is wrong
    unused = [name for name in _LEFT_OUT if name.encode() not in text and name not in sys.modules]
    for name in unused:
        sys.modules[name] = None  # type: ignore[assignment]
    try:
        import sqlite_utils.db  # noqa: F401
    finally:
        for name in unused:
            del sys.modules[name]
