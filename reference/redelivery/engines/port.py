"""What a store has to offer so that every schedule can be carried out on it.

A process asks through its *line*: a real connection of a real driver, in a greenlet of its own. Before anything is sent
the greenlet steps aside and says what it is about to ask; while no answer has come it steps aside again. So whoever
runs the schedule lets one statement through at a time, and sees who waits::

    process ── about to ask ──▶ run          the schedule says when to go on
    process ◀── go on ──────── run
    process ── no answer yet ─▶ run ── does it wait for somebody? ──▶ store

Locks, snapshots and refusals stay the store's own affair: all that is known here is that somebody waits.
"""

from __future__ import annotations

import abc
import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic, sleep
from typing import Any

from greenlet import getcurrent, greenlet

from .failure import EngineFailure

#: Seconds after which a server that neither answers nor says for whom it waits is given up.
SILENT = 300.0
_real_kill = os.kill

Contents = tuple[tuple[str, tuple[tuple[Any, ...], ...]], ...]
"""Committed tables: (name, rows), rows sorted."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What a process is about to ask. ``kind``: ``read`` (changes and locks nothing), ``change``, ``commit``,
    ``rollback``; ``sticky`` where it leaves something in the session that outlives a transaction."""

    text: str
    kind: str
    line: tuple[str, int] | None = field(default=None, compare=False)
    sticky: bool = False
    lands: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What the store said: rows, a count of rows, or an error's code and text."""

    rows: tuple[tuple[str, ...], ...] | None = None
    count: int = -1
    error: str = ""
    text: str = ""


class Waits:
    """No answer yet: somebody else has to go on first."""


WAITS = Waits()


class Killed(BaseException):
    """Unwinds a process that was killed."""


@dataclass(eq=False)
class Line:
    """One process's connection, and what is on its way."""

    number: int
    connection: Any
    store: Store
    pid: int = 0
    """The server's process, or session, at the other end."""
    dead: bool = False
    """Whoever used it is dead: nothing is sent any more."""
    about: Any = None
    """What is about to be sent, as the driver has it."""
    told: Answer | None = None
    """The answer to the last statement."""
    began_to_wait: bool = False
    """The server has said that it waits for somebody."""
    looked: bool = False
    """The server has looked whether its wait closes a ring, and it does not."""
    sticky: bool = False

    def renew(self, number: int) -> None:
        """As new, for the process with this number."""
        self.number, self.dead, self.told, self.about = number, False, None, None
        self.began_to_wait = self.looked = self.sticky = False


ABOUT, NO_ANSWER = "about", "no answer"


def about_to(statement: Statement) -> None:
    """Called by a line's client before it sends something: step aside until the schedule goes on."""
    parent = getcurrent().parent
    assert parent is not None
    parent.switch((ABOUT, statement))


def no_answer_yet() -> None:
    """Called by a line's client while it has sent something and heard nothing."""
    parent = getcurrent().parent
    assert parent is not None
    parent.switch((NO_ANSWER, None))


def is_at_work(line: Line | None) -> bool:
    """Whether it is this line's process that runs at the moment."""
    return line is not None and getattr(getcurrent(), "line", None) is line


class Client:
    """One call of somebody's code in a greenlet, and what it has come to.

    ``asks``: the statement that it is about to ask, or what `done` made of its end.
    """

    def __init__(self, call: Callable[[], Any], line: Line, done: Callable[[BaseException | None, Any], Any]) -> None:
        self.line = line
        self.waits = False
        self.asks: Any = None
        self._done = done

        def main() -> Any:
            try:
                value = call()
            except Killed:
                return ("end", None)
            except BaseException as error:
                if line.dead:
                    return ("end", None)
                ended = done(error, None)
                error.__traceback__ = None
                return ("end", ended)
            return ("end", done(None, value))

        self._greenlet = greenlet(main)
        self._greenlet.line = line
        self._hear(self._greenlet.switch())

    def _hear(self, said: Any) -> None:
        what, value = said
        self.waits = what == NO_ANSWER
        if not self.waits:
            self.asks = value

    @property
    def ended(self) -> bool:
        """Whether the call is over."""
        return bool(self._greenlet.dead)

    def go_on(self) -> None:
        """Let it send what it is about to, or look once more whether an answer has come."""
        self._hear(self._greenlet.switch())

    def look(self) -> bool:
        """Look once more whether an answer has come; whether it waits still."""
        self.go_on()
        return self.waits

    def abandon(self) -> None:
        """Its process is dead, and what it had sent is still under way: nobody will hear the answer."""
        self.line.dead = True

    def kill(self) -> None:
        """Unwind it; nothing that it does on its way out reaches the store."""
        self.line.dead = True
        for _ in range(20):
            if self._greenlet.dead:
                return
            try:
                self._greenlet.throw(Killed)
            except BaseException:
                continue


class Store(abc.ABC):
    """A real store and the lines to it."""

    #: What the verdict calls it: "PostgreSQL 18.6 at READ COMMITTED".
    title: str
    #: Whether its state between two steps is known from contents and open transactions.
    merges = True
    #: Whether who is woken first, and who is a deadlock's victim, can be chosen.
    can_choose = False
    #: Codes of errors that are nobody's fault: others were faster.
    contention: frozenset[str] = frozenset()
    #: Whether a transaction goes on seeing what was there when it began.
    keeps_snapshot = True
    #: The process that is to be the victim of a deadlock in this run; None: whoever the server takes.
    victim: int | None = None
    #: Whether something is changed by a transaction that is rolled back (a sequence is).
    counts_outside = False
    #: What the verdict has to say of it besides.
    limits: tuple[str, ...] = ()

    def __init__(self) -> None:
        self._lines: list[Line] = []
        self._spare: list[Line] = []
        """Lines that nobody uses, as new."""

    # -- to be made by each store ----------------------------------------------------------------------

    @abc.abstractmethod
    def reset(self) -> None:
        """Everything as it was before the first message, and no line in use."""

    @abc.abstractmethod
    def connect(self) -> Line:
        """A new line."""

    @abc.abstractmethod
    def restore(self, line: Line) -> None:
        """Make a line as if it had just been opened: what is open is rolled back, what waits is cancelled."""

    @abc.abstractmethod
    def waits_for(self, line: Line) -> bool:
        """Whether the server says that a line waits for somebody."""

    @abc.abstractmethod
    def contents(self) -> Contents:
        """What is committed."""

    @abc.abstractmethod
    def in_transaction(self, line: Line) -> bool:
        """Whether a transaction is open there, as the client knows."""

    @abc.abstractmethod
    def roll_back(self, line: Line) -> None:
        """After a delivery that left a transaction open; the process lives on."""

    @abc.abstractmethod
    def send_late(self, line: Line) -> Client:
        """A client that is about to send what a dead process had been about to."""

    def memory_of(self, line: Line) -> Any:
        """What a connection remembers beyond a transaction: the settings of its client."""
        return ()

    def close(self) -> None:  # noqa: B027 - most have something to close
        """Close all connections, and leave nothing behind."""

    def in_ring(self, line: Line) -> bool:
        """Whether a line waits, in the end, for itself, which the server will not leave so."""
        return False

    def more_time_for_rings(self) -> None:  # noqa: B027 - few have a clock for that
        """The chosen victim of a deadlock looks for one later from now on."""

    # -- what all do alike -----------------------------------------------------------------------------

    def open(self, number: int) -> Line:
        """A line for the process with this number, as new."""
        line = self._spare.pop() if self._spare else self.connect()
        line.renew(number)
        self._lines.append(line)
        return line

    def give_back(self, line: Line) -> None:
        """A line whose process is gone; it may be used again."""
        self._lines.remove(line)
        self.restore(line)
        self._spare.append(line)

    def give_all_back(self) -> None:
        """No line is in use."""
        for line in self._lines:
            self.restore(line)
            self._spare.append(line)
        self._lines.clear()

    def ask(self, client: Client, others: Sequence[Client] = ()) -> Answer | Waits:
        """Let a client's statement through, until it is answered or surely waits."""
        self.before_asking(client, others)
        client.line.told = None
        client.go_on()
        return self.follow(client)

    def before_asking(self, client: Client, others: Sequence[Client]) -> None:  # noqa: B027
        """What has to be waited for, so that it is sure what the server will do."""

    def follow(self, client: Client) -> Answer | Waits:
        """Look until an answer has come, or the client surely waits."""
        until = monotonic() + SILENT
        while client.waits:
            if self.waits_for(client.line) and (self.victim is not None or not self.in_ring(client.line)):
                if not client.look():  # the answer may have come before it was asked
                    break
                client.line.began_to_wait = True
                return WAITS
            client.go_on()
            if monotonic() > until:
                raise EngineFailure(f"{self.title} has not answered for {SILENT:.0f} seconds, and waits for nobody")
        client.line.began_to_wait = client.line.looked = False
        return client.line.told if client.line.told is not None else Answer()

    def settle(self, waiting: Sequence[Client]) -> list[Client]:
        """After a step: those that wait no more, in the order in which they were seen to go on."""
        woken: list[Client] = []
        again = True
        while again:
            again = False
            for client in waiting:
                if client.waits and not isinstance(self.follow(client), Waits):
                    woken.append(client)
                    again = True
        return woken

    def before_stopping(self, waiting: Sequence[Client]) -> None:  # noqa: B027
        """What has to be waited for before servers' processes are stopped."""

    def stop_all_but(self, first: Client | None, waiting: Sequence[Client]) -> list[Client]:
        """Stop the server's processes of all that wait except one, so that this one goes on first."""
        stopped = []
        for client in waiting:
            if client is not first:
                _real_kill(client.line.pid, signal.SIGSTOP)
                stopped.append(client)
        return stopped

    def let_go(self, stopped: Sequence[Client]) -> None:
        """Let them go on."""
        for client in stopped:
            _real_kill(client.line.pid, signal.SIGCONT)


def overdue(began: float) -> bool:
    """Whether a server has been waited for, since a moment of `monotonic`, for so long that it is given up. Sleeps for
    a moment where it is not."""
    if monotonic() - began > SILENT:
        return True
    sleep(0.0002)
    return False
