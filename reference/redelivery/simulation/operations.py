"""What a process may ask of the world, and what it may be told.

A process is a function of what it was told: it asks, the world answers, it asks again, until it returns or
raises. Everything that crosses this boundary is one of the plain, immutable values below, so that it can be
remembered, compared, and sent through a pipe.
"""

from __future__ import annotations

from typing import Any, NamedTuple

#: How the text of an error begins where a handler asks for what this simulation has not.
UNSUPPORTED = "not supported in this simulation: "
#: A value that SQLite can store.
Value = int | float | str | bytes | None


class SqlStatement(NamedTuple):
    """One SQL statement with its parameters (a tuple, or sorted pairs where they have names)."""

    sql: str
    parameters: tuple[Any, ...] = ()
    named: bool = False


class RedisCommand(NamedTuple):
    """One Redis command, its name first; one atomic step."""

    arguments: tuple[bytes, ...]


class RedisTransaction(NamedTuple):
    """The commands between MULTI and EXEC; one atomic step, taken at EXEC.

    Where a key that the process watches was touched since, nothing is done and the answer is None.
    """

    commands: tuple[tuple[bytes, ...], ...]


class RedisWatch(NamedTuple):
    """WATCH: from this step on, whoever touches one of ``keys`` makes the next EXEC of this process fail."""

    keys: tuple[bytes, ...]


class RedisUnwatch(NamedTuple):
    """UNWATCH, or a DISCARD: takes no step, since nobody else can notice."""


class ReadAttempt(NamedTuple):
    """The handler looks at ``message.attempt`` or ``message.redelivered``."""


class ReadClock(NamedTuple):
    """The code looks at the time. It is told milliseconds since the moment at which every run begins.

    ``steady``: at a clock that nobody can set."""

    steady: bool = False


class LookBack(NamedTuple):
    """The code looks at what its connection did in earlier deliveries: the last ``rowid`` that it inserted, or the
    ``total`` of the rows that it changed. It is told a number."""

    what: str


class Sleep(NamedTuple):
    """The code sleeps. For how long, the schedule decides."""


class Receive(NamedTuple):
    """A consumer's loop asks the queue for a message."""


class Acknowledge(NamedTuple):
    """A consumer's loop acknowledges the ``delivery``-th delivery that it received (from 0)."""

    delivery: int


class Perform(NamedTuple):
    """A consumer's loop carries out the effect of the ``delivery``-th delivery that it received (from 0)."""

    delivery: int


class SendPayment(NamedTuple):
    """A request to the payment service, which applies each key once."""

    key: str
    order: str
    amount: int


class CallService(NamedTuple):
    """A request to another service. With a ``key`` it carries out each key once, else each request."""

    service: str
    key: str | None
    content: str


class DrawBytes(NamedTuple):
    """The handler asks for ``length`` random bytes, the ``serial``-th time in this delivery, after it has drawn so many
    bits ``before``."""

    length: int
    serial: int
    before: int = 0


class Returned(NamedTuple):
    """The function returned. For a handler: the message is to be acknowledged. ``value`` is kept where it is a plain
    one, and matters only where the function has to answer something."""

    value: int | str | None = None


class Raised(NamedTuple):
    """An exception left the handler. ``kind`` is ``error``, ``retry`` (a `Retry`) or ``lock``."""

    kind: str
    name: str
    text: str
    traceback: str = ""


class Hung(NamedTuple):
    """The handler goes on without asking anything: an endless loop, or a wait for what never comes."""

    why: str


class Unrepeatable(NamedTuple):
    """The process can't be asked further (not deterministic, or it broke the checker's rules)."""

    why: str


Request = (
    SqlStatement
    | RedisCommand
    | RedisTransaction
    | RedisWatch
    | RedisUnwatch
    | Sleep
    | Receive
    | Acknowledge
    | Perform
    | SendPayment
    | CallService
    | ReadAttempt
    | ReadClock
    | LookBack
    | DrawBytes
    | Returned
    | Raised
    | Hung
    | Unrepeatable
)


class SqlResult(NamedTuple):
    """What a statement gave. ``changed``: so many rows it inserted, updated or deleted, with those that triggers and
    foreign keys changed."""

    rows: tuple[tuple[Value, ...], ...]
    columns: tuple[str, ...] | None
    rowcount: int
    lastrowid: int | None
    in_transaction: bool
    changed: int = 0


class SqlFailure(NamedTuple):
    """The error that a statement met; ``name`` is a class of the module ``sqlite3``."""

    name: str
    text: str
    code: int
    code_name: str
    in_transaction: bool

    @property
    def is_lock(self) -> bool:
        """Whether another connection's lock was the reason (SQLITE_BUSY or SQLITE_LOCKED)."""
        return self.code & 0xFF in (5, 6)


class RedisReply(NamedTuple):
    """What Redis answered: None, int, bytes, a `RedisFailure`, or a tuple of these."""

    value: Any


class RedisFailure(NamedTuple):
    """An error that Redis answered; ``name`` is a class of ``redis.exceptions``."""

    name: str
    text: str


class Received(NamedTuple):
    """A message from the queue: its number, -1 for none, and how often it has been delivered (0: nobody asks)."""

    message: int
    attempt: int = 0


class Done(NamedTuple):
    """What was asked for has been done."""


class Refused(NamedTuple):
    """What was asked for ended in an exception of class ``name``."""

    name: str
    text: str


Told = SqlResult | SqlFailure | RedisReply | Received | Done | Refused | int | bytes
