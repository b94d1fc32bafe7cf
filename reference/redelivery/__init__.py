"""Delivered Twice: run a message consumer under every schedule of redeliveries, crashes and interleavings."""

from typing import TYPE_CHECKING, Any

from .simulation.message import Message, Retry, StaleDelivery

if TYPE_CHECKING:
    from .exercises.exercise import exercise
    from .workspace.progress import progress

__all__ = ["Message", "Retry", "StaleDelivery", "exercise", "progress"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    # Loaded on demand: a cell that only imports Retry is executed for every simulated process.
    if name == "exercise":
        from .exercises.exercise import exercise

        return exercise
    if name == "progress":
        from .workspace.progress import progress

        return progress
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
