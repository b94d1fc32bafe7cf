"""A project of somebody's own, made for a test: packages in a folder that can be imported from."""

from __future__ import annotations

import importlib
import itertools
import sys
from pathlib import Path
from textwrap import dedent
from types import ModuleType

import pytest

_numbers = itertools.count(1)


class OwnProject:
    """``write`` makes a package of modules, under a name that no other test uses."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        monkeypatch.syspath_prepend(str(folder))
        self.names: list[str] = []

    def write(self, **modules: str) -> ModuleType:
        """Write the modules of a package ``shopN``; returns the one called ``consumers``. ``SHOP`` in a source is the
        package's name."""
        name = f"shop{next(_numbers)}"
        package = self.folder / name
        package.mkdir()
        (package / "__init__.py").write_text("", "utf-8")
        for module, source in modules.items():
            (package / f"{module}.py").write_text(dedent(source).replace("SHOP", name), "utf-8")
        importlib.invalidate_caches()
        self.names.append(name)
        return importlib.import_module(f"{name}.consumers")

    def close(self) -> None:
        """Forget what was imported."""
        for module in [m for m in sys.modules if m.partition(".")[0] in self.names]:
            del sys.modules[module]
