"""Whether an engine is there. Where it is not, its tests are skipped with the reason; on CI they fail."""

from __future__ import annotations

import importlib.util
import os

import pytest

from redelivery.engines.failure import EngineFailure
from redelivery.engines.kinds import needed


def need(engine: str, *packages: str) -> pytest.MarkDecorator:
    """A mark for tests of an engine that speak to it through these Python packages."""
    why = ""
    try:
        needed(engine)
    except EngineFailure as error:
        why = str(error)
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        why = f"the Python package {missing[0]} is not here: pip install 'redelivery[engines]'"
    skip = bool(why) and not os.environ.get("CI")
    return pytest.mark.skipif(skip, reason=why or "-")
