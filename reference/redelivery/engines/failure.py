"""What can be wrong with an engine: one sentence each, which says what to do. Never a verdict."""

from __future__ import annotations

from ..library.mistakes import CannotCheck


class EngineFailure(CannotCheck):
    """An engine is not there, too old, did not start, died, or allows too little."""
