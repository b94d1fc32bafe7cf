"""Runs on real engines, for lessons: made where the engine is, shown from the shelf where it is not.

Both give the same text, so a notebook reads alike everywhere; which of the two it is, `Shelf.told` says.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..engines.failure import EngineFailure
from ..library.mistakes import CannotCheck
from ..library.result import NotProved

#: Set to "save" while a notebook is executed, runs are stored anew.
VARIABLE = "REDELIVERY_SHELF"
#: What differs from one machine to the next.
_VERSION = re.compile(r"\b(PostgreSQL|MariaDB) \d[\d.]*")
_PLACE = re.compile(r"^  \S*ipykernel\S*:\d+ .*$\n?", re.MULTILINE)


class Shelf:
    """Stored runs in a file."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._stored: dict[str, str] = json.loads(self._path.read_text("utf-8")) if self._path.exists() else {}
        self.told: dict[str, str] = {}
        """How each run came here: ``run here``, or ``from the shelf`` and what is missing."""

    def show(self, name: str, run: Callable[[], Any]) -> None:
        """Print what a run gives.

        Raises:
            EngineFailure: the engine is not here, and nothing is stored.
        """
        print(self.text(name, run))

    def text(self, name: str, run: Callable[[], Any]) -> str:
        """What a run gives, as text."""
        try:
            found = _text(run())
        except NotProved as error:
            found = _text(error.result)
        except (EngineFailure, ModuleNotFoundError) as error:
            if name not in self._stored:
                raise
            self.told[name] = f"from the shelf: {error}"
            return self._stored[name]
        self.told[name] = "run here"
        if os.environ.get(VARIABLE) == "save":
            self._stored[name] = found
            self._path.write_text(json.dumps(self._stored, indent=1, ensure_ascii=False) + "\n", "utf-8")
        return found


def _text(result: Any) -> str:
    text = result.text(100) if hasattr(result, "text") else str(result)
    return _PLACE.sub("", _VERSION.sub(r"\1", text))


__all__ = ["CannotCheck", "Shelf"]
