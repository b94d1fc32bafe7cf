"""The parts of which a check is made: what `check` puts together for a consumer, and an exercise for its answers.

A `Scenario` says who takes part, which messages there are, how they become calls, what the stores hold before, and
what must hold in the end. Whoever wants more than `check` offers (a consumer's own loop over the queue, a link between
sender and receiver) makes one of these.
"""

from .checking.batch import STRAIGHT, Batch, DrawnMessage, Suspects
from .checking.handler_part import WEAKER, HandlerPart
from .checking.part import Report
from .exploration.replay import replay
from .exploration.scenario import Must, Scenario, deliver
from .exploration.schedule import BadSchedule, parse, to_text
from .exploration.search import Search
from .exploration.verdict import Proved, Refuted, Stuck, Undetermined, Verdict
from .simulation.calls import Call, MessageGiven, Role, Tool
from .simulation.live import Hints
from .simulation.operations import Value
from .simulation.program import Program
from .simulation.sqlite_store import Contents, Journal, rows_of
from .simulation.world import Answer, Bounds, State

__all__ = [
    "STRAIGHT",
    "WEAKER",
    "Answer",
    "BadSchedule",
    "Batch",
    "Bounds",
    "Call",
    "Contents",
    "DrawnMessage",
    "HandlerPart",
    "Hints",
    "Journal",
    "MessageGiven",
    "Must",
    "Program",
    "Proved",
    "Refuted",
    "Report",
    "Role",
    "Scenario",
    "Search",
    "State",
    "Stuck",
    "Suspects",
    "Tool",
    "Undetermined",
    "Value",
    "Verdict",
    "deliver",
    "parse",
    "replay",
    "rows_of",
    "to_text",
]
