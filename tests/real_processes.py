"""A recorded run once more, by real processes on a real database file, with a real ``kill -9``.

`carry_out` takes a `Run` of the simulation and leads one process a consumer through the same schedule, statement by
statement. The queue is played here; what SQLite does is its own affair. Where a process asks for another statement
than the simulation recorded, is told something else, waits where it did not, or is refused where it waited, there is
a `Disagreement`.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from redelivery.exploration.replay import Event, Operation, Run
from redelivery.simulation.operations import SqlFailure, SqlResult, SqlStatement
from redelivery.simulation.sqlite_store import Contents, Journal

SCRIPT = Path(__file__).with_name("real_consumer.py")
_RANDOM_NAME = re.compile(r"sqlite_utils_[0-9a-f]+")
MOST_EXCEPTIONS = 3


class Disagreement(AssertionError):
    """The simulation and the real thing part."""


class NotSimulated(Exception):
    """The run met one of three things that the simulation is known to do otherwise:

    - it answers at once when the schema is read outside a transaction, although another's COMMIT that waits for readers
      (rollback journal) would keep that waiting, as it keeps the next statement waiting in the simulation, too;
    - it fetches all rows at once, so that none is left to hinder a COMMIT or RELEASE;
    - each delivery has a connection as good as new, whereas Python's module keeps compiled statements: a CREATE TABLE
      IF NOT EXISTS that once made the table goes on asking for the lock that it needed then.
    """


# -- processes ----------------------------------------------------------------------------------------------


class Consumer:
    """A process, halted before what it ``is_up_to``."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(SCRIPT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.is_up_to: list[Any] = []

    def tell(self, *words: Any) -> None:
        """Say something that is not answered at once."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(words) + "\n")
        self._process.stdin.flush()

    def hear(self) -> list[Any]:
        """What it says next."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise Disagreement(f"the process is gone, exit status {self._process.wait()}")
        words: list[Any] = json.loads(line)
        return words

    def kill(self) -> None:
        """``kill -9``; its locks are gone when this returns."""
        os.kill(self._process.pid, signal.SIGKILL)
        status = self._process.wait()
        assert status == -signal.SIGKILL, status
        self.close()

    def close(self) -> None:
        """Let it come to its end."""
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
        self._process.wait()


class Crew:
    """Processes that can be used again, and one more that is just starting up."""

    def __init__(self) -> None:
        self._free: list[Consumer] = []
        self.kills = 0

    def hire(self) -> Consumer:
        """A process that nobody uses."""
        if len(self._free) < 2:
            self._free.append(Consumer())
        return self._free.pop(0)

    def give_back(self, consumer: Consumer) -> None:
        """It is halted between two deliveries, and can be used again."""
        self._free.append(consumer)

    def close(self) -> None:
        """Let all of them come to their end."""
        for consumer in self._free:
            consumer.close()


# -- the queue ----------------------------------------------------------------------------------------------


class Queue:
    """The redelivering queue, written down once more from its rules."""

    def __init__(self, messages: int) -> None:
        self.ready = list(range(messages))
        self.attempts: Counter[int] = Counter()
        self._exceptions: Counter[int] = Counter()
        self._held: dict[str, int] = {}
        self._superseded: set[str] = set()
        self._returned: dict[str, int] = {}  # and nobody else has made a step since

    def _stepped(self, letter: str) -> None:
        self._returned = {other: message for other, message in self._returned.items() if other == letter}

    def made_a_step(self, letter: str) -> None:
        """``letter`` carried out a statement."""
        self._stepped(letter)

    def receive(self, letter: str) -> int:
        """The next message; not the one that ``letter`` has just returned, if there is another."""
        if not self.ready:
            raise Disagreement("the queue has no message to deliver")
        just_returned = self._returned.pop(letter, None)
        message = next((m for m in self.ready if m != just_returned), self.ready[0])
        self.ready.remove(message)
        self.attempts[message] += 1
        self._held[letter] = message
        self._stepped(letter)
        return message

    def redeliver(self, letter: str) -> None:
        """What ``letter`` holds is delivered again, to whoever asks next."""
        self._superseded.add(letter)
        self.ready.insert(0, self._held[letter])

    def acknowledge(self, letter: str, lost: bool = False) -> str:
        """What became of the acknowledgement."""
        message, current = self._let_go(letter)
        self._stepped(letter)
        if lost:
            self.ready.append(message)
            return "lost ack"
        return "ack" if current else "stale ack"

    def take_back(self, letter: str, counts: bool) -> str:
        """The handler raised; ``counts`` if that brings the message nearer to the dead letters."""
        message, current = self._let_go(letter)
        self._stepped(letter)
        if current:
            self._exceptions[message] += counts
            if self._exceptions[message] >= MOST_EXCEPTIONS:
                return "dead letter"
            self.ready.append(message)
            self._returned[letter] = message
        return "give back"

    def crash(self, letter: str) -> None:
        """What ``letter`` held returns."""
        message, current = self._let_go(letter)
        if current:
            self.ready.append(message)
            self._returned[letter] = message

    def _let_go(self, letter: str) -> tuple[int, bool]:
        current = letter not in self._superseded
        self._superseded.discard(letter)
        return self._held.pop(letter), current


# -- a run --------------------------------------------------------------------------------------------------


def tables_of(run: Run) -> Contents:
    """The database at the end of the simulated run; without the tables of what is kept elsewhere."""
    return tuple(table for table in run.final if table[0] not in ("answers", "dead letters"))


def carry_out(run: Run, cell: str, file: Path, crew: Crew) -> Contents:
    """Carry out ``run`` for real on a new database ``file``; what the file holds then.

    Raises:
        Disagreement: where the real thing does otherwise, with the number of the event.
        NotSimulated: where it is known to.
    """
    return _Stage(run, cell, file, crew).perform()


class _Stage:
    def __init__(self, run: Run, cell: str, file: Path, crew: Crew) -> None:
        self.run = run
        self.cell = cell
        self.file = file
        self.crew = crew
        self.queue = Queue(len(run.scenario.messages))
        self.consumers: dict[str, Consumer] = {}

    def perform(self) -> Contents:
        self._make_file(self.run.journal)
        try:
            for event in self.run.events:
                try:
                    self._make(event)
                except Disagreement as error:
                    raise Disagreement(f"event {event.number}, {event.process}, {event.kind}: {error}") from None
        finally:
            for consumer in self.consumers.values():
                if consumer.is_up_to:
                    self._kill(consumer)
                else:
                    self.crew.give_back(consumer)
        return self._read()

    def _make_file(self, journal: Journal) -> None:
        with contextlib.closing(sqlite3.connect(self.file)) as connection:
            connection.execute(f"PRAGMA journal_mode={'wal' if journal == 'wal' else 'delete'}")
            self.run.scenario.prepare(connection)
            connection.commit()

    def _read(self) -> Contents:
        """The rows of all tables, with the hidden rowid where the simulation shows it."""
        found = []
        with contextlib.closing(sqlite3.connect(self.file)) as connection:
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                keys = connection.execute("SELECT type FROM pragma_table_info(?) WHERE pk", (name,)).fetchall()
                hidden = "" if keys == [("INTEGER",)] else "rowid, "
                rows = connection.execute(f'SELECT {hidden}* FROM "{name}" ORDER BY rowid').fetchall()
                found.append((name, tuple(rows)))
        return tuple(found)

    def _kill(self, consumer: Consumer) -> None:
        consumer.kill()
        self.crew.kills += 1

    def _make(self, event: Event) -> None:
        letter, queue, kind = event.process, self.queue, event.kind
        if kind == "redeliver":
            queue.redeliver(letter)
            return
        if kind == "receive":
            self._receive(event)
            return
        consumer = self.consumers[letter]
        if kind == "crash":
            queue.crash(letter)
            del self.consumers[letter]
            self._kill(consumer)
        elif kind in ("ack", "stale ack", "lost ack"):
            _agree(consumer.is_up_to, ["returned"], "the handler")
            self._end(consumer)
            _agree(queue.acknowledge(letter, lost=kind == "lost ack"), kind, "the queue")
        elif kind in ("give back", "dead letter"):
            raised = event.raised
            assert raised is not None
            _agree(consumer.is_up_to, ["raised", raised.name, raised.text], "the handler")
            self._end(consumer)
            counts = raised.name != "Retry" and "database is locked" not in raised.text
            _agree(queue.take_back(letter, counts), kind, "the queue")
        else:
            queue.made_a_step(letter)
            for operation in event.operations:
                self._carry_out(consumer, operation, event)

    def _receive(self, event: Event) -> None:
        message = self.queue.receive(event.process)
        _agree(message, event.message, "the message received")
        consumer = self.consumers.get(event.process)
        if consumer is None:
            consumer = self.consumers[event.process] = self.crew.hire()
            consumer.tell("open", self.cell, str(self.file))
        _agree(consumer.is_up_to, [], "between two deliveries")
        consumer.tell("deliver", *self.run.scenario.messages[message], self.queue.attempts[message])
        consumer.is_up_to = consumer.hear()
        for operation in event.operations:
            self._carry_out(consumer, operation, event)

    def _end(self, consumer: Consumer) -> None:
        consumer.tell("end")
        _agree(consumer.hear(), ["ended"], "the end of the delivery")
        consumer.is_up_to = []

    def _carry_out(self, consumer: Consumer, operation: Operation, event: Event) -> None:
        request, told = operation.request, operation.told
        was_waiting = consumer.is_up_to[0] == "busy"
        if not isinstance(request, SqlStatement):
            return  # the handler looked at message.attempt
        assert told is None or isinstance(told, SqlResult | SqlFailure)
        if not was_waiting:
            if operation.free and _is_unasked(request, consumer.is_up_to):
                return
            _agree(consumer.is_up_to[0], "asks", "the process")
            _agree(_normal(consumer.is_up_to[1]), _normal(request.sql), "the statement")
            _agree_on_parameters(consumer.is_up_to[2], request)
        if was_waiting and event.kind == "lock timeout":
            answer = self._refuse(consumer)
        else:
            consumer.tell("go")
            answer = consumer.hear()
        if answer[0] == "busy":
            may_differ = operation.free or request.sql.upper().startswith("CREATE")
            if may_differ and isinstance(told, SqlResult) and not told.in_transaction:
                raise NotSimulated(request.sql)
            refused = self._met_a_lock(consumer, answer, told)
            if refused is None:
                return
            answer = refused
        elif answer[0] == "failed" and "SQL statements in progress" in answer[2]:
            raise NotSimulated(request.sql)
        elif told is None:
            raise Disagreement(f"it should wait for a lock, but {answer} for {request.sql}")
        if isinstance(told, SqlFailure):
            _agree(answer, ["failed", told.name, told.text, told.in_transaction], request.sql)
        elif told is not None:
            _agree(answer[0], "did", f"{request.sql} ({answer})")
            _agree(answer[2], told.in_transaction, f"in a transaction after {request.sql}")
            if answer[1] is not None:
                _agree(answer[1], told.rowcount, f"rowcount of {request.sql}")
        consumer.is_up_to = consumer.hear()

    def _met_a_lock(
        self, consumer: Consumer, answer: list[Any], told: SqlResult | SqlFailure | None
    ) -> list[Any] | None:
        """None if it was to wait, and does; else what it says when it is refused at once."""
        if told is None:
            if answer != ["busy", True]:
                raise Disagreement("it should wait for a lock, but SQLite refuses at once")
            consumer.is_up_to = answer
            return None
        if not (isinstance(told, SqlFailure) and told.is_lock):
            raise Disagreement(f"it meets a lock, but should be told {told}")
        # A slow machine can make a refusal look like a wait, never the other way round.
        for _ in range(5):
            if answer == ["busy", False]:
                return self._refuse(consumer)
            consumer.tell("go")
            answer = consumer.hear()
        raise Disagreement("it should be refused at once, but SQLite waits for a lock")

    @staticmethod
    def _refuse(consumer: Consumer) -> list[Any]:
        consumer.tell("give up")
        return consumer.hear()


def _agree(real: Any, simulated: Any, what: str) -> None:
    if real != simulated:
        raise Disagreement(f"{what}: really {real!r}, simulated {simulated!r}")


def _is_unasked(request: SqlStatement, is_up_to: list[Any]) -> bool:
    """Python's module sends this one by itself, so no process asks for it."""
    asked = _normal(is_up_to[1]) if is_up_to[0] == "asks" else ""
    return _normal(request.sql) != asked and request.sql.split()[0] in ("BEGIN", "EXPLAIN")


def _normal(sql: str) -> str:
    return _RANDOM_NAME.sub("sqlite_utils_", sql).strip().rstrip(";")


def _agree_on_parameters(real: Any, request: SqlStatement) -> None:
    if request.named:
        _agree({name: real[name] for name, _ in request.parameters}, dict(request.parameters), "parameters")
    else:
        _agree(tuple(real), request.parameters, "parameters")


@contextlib.contextmanager
def a_crew() -> Iterator[Crew]:
    """Processes for as long as they are needed."""
    crew = Crew()
    try:
        yield crew
    finally:
        crew.close()
