"""What processes are called for: plain data, so that a call can be named in a state and sent through a pipe."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, NamedTuple


class Role(Enum):
    """What kind of process it is: when it may be called, and what the end of a call means.

    ========= =============================== ==================================================
    role      is called                       its end
    ========= =============================== ==================================================
    CONSUMER  for a message from the queue    return acknowledges, an exception gives back
    LOOP      while the queue has messages    what it has not acknowledged returns to the queue
    JOB       at any time, a few times        nothing
    SENDER    (no code of its own)            retransmits each packet until it is answered
    RECEIVER  for a packet on the link        return answers, an exception kills the process
    WRITER    (statements of the course's)    nothing; somebody else who uses the same database
    ========= =============================== ==================================================
    """

    CONSUMER = "consumer"
    LOOP = "loop"
    JOB = "job"
    SENDER = "sender"
    RECEIVER = "receiver"
    WRITER = "writer"

    __hash__ = object.__hash__


class Tool(Enum):
    """What the world gives to a function besides plain values."""

    DB = "db"
    REDIS = "redis"
    QUEUE = "queue"
    PROCESS = "process"
    SEND = "send"


class MessageGiven(NamedTuple):
    """A delivered message as an argument."""

    id: str
    body: Mapping[str, Any]


class Call(NamedTuple):
    """One call: ``function`` is a name, or ``Class.method`` of an object that the process makes when it starts, from
    the tools in ``made_with``."""

    function: str
    arguments: tuple[Tool | MessageGiven | int | str, ...]
    made_with: tuple[Tool, ...] = ()

    @property
    def name(self) -> str:
        """The name that the learner's cell has to define."""
        return self.function.partition(".")[0]

    def __str__(self) -> str:
        shown = ", ".join(
            a.value if isinstance(a, Tool) else a.id if isinstance(a, MessageGiven) else repr(a) for a in self.arguments
        )
        return f"{self.function}({shown})"
