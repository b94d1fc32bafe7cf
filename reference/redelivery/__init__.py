"""Run a message consumer under every schedule of redeliveries, crashes and interleavings within bounds.

`check` takes a consumer, the messages that it gets, and what has to hold in the end. `exercise`, `lesson` and
`progress` belong to the course *Delivered Twice*.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .simulation.message import Message, Retry, StaleDelivery

if TYPE_CHECKING:
    from .exercises.exercise import exercise
    from .lessons.lesson import lesson
    from .library.check import Check, Reader, check
    from .library.claims import Claim, always, as_often_as, final
    from .library.mistakes import CannotCheck
    from .library.outside import Service
    from .library.result import NotProved, Replayed, Result
    from .simulation.world import Bounds
    from .workspace.progress import progress

__all__ = [
    "Bounds",
    "CannotCheck",
    "Check",
    "Claim",
    "Message",
    "NotProved",
    "Reader",
    "Replayed",
    "Result",
    "Retry",
    "Service",
    "StaleDelivery",
    "always",
    "as_often_as",
    "check",
    "exercise",
    "final",
    "lesson",
    "progress",
]
__version__ = "0.2.0"

#: Loaded on demand: a cell that only imports Retry is executed for every simulated process.
_PLACES = {
    "Bounds": ".simulation.world",
    "CannotCheck": ".library.mistakes",
    "Check": ".library.check",
    "Claim": ".library.claims",
    "NotProved": ".library.result",
    "Reader": ".library.check",
    "Replayed": ".library.result",
    "Result": ".library.result",
    "Service": ".library.outside",
    "always": ".library.claims",
    "as_often_as": ".library.claims",
    "check": ".library.check",
    "exercise": ".exercises.exercise",
    "final": ".library.claims",
    "lesson": ".lessons.lesson",
    "progress": ".workspace.progress",
}


def __getattr__(name: str) -> Any:
    if name in _PLACES:
        return getattr(import_module(_PLACES[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
