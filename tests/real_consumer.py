"""A consumer as a process of its own: it runs a learner's cell on a database file, and halts before each statement.

Started as a script. It speaks with `tests/real_processes.py` in lines of JSON, on its standard input and output::

    told                                it answers
    open       cell, database file
    deliver    message                  what it is up to
    go                                  what became of the statement: did, failed or busy; and unless busy, what it is
                                        up to then
    give up    after busy               failed: "database is locked" is raised; then what it is up to
    end        the delivery is over

"What it is up to" is ``asks`` (a statement, not yet carried out), ``returned`` or ``raised``.
"""

from __future__ import annotations

import io
import json
import os
import sqlite3
import sys
import time
from collections.abc import Callable
from typing import Any

import sqlite_utils

#: Seconds that SQLite is given to wait for a lock: long enough to tell waiting from being refused at once.
PATIENCE = 0.01


class Link:
    """The line to the parent."""

    def __init__(self) -> None:
        self._in = sys.stdin
        self._out = os.fdopen(os.dup(1), "w")
        sys.stdout = sys.stderr = io.StringIO()  # what a handler prints is not for the parent

    def send(self, *words: Any) -> None:
        self._out.write(json.dumps(words) + "\n")
        self._out.flush()

    def receive(self) -> list[Any]:
        line = self._in.readline()
        if not line:
            os._exit(0)
        words: list[Any] = json.loads(line)
        return words


class Connection(sqlite3.Connection):
    """A connection that asks before each statement. What it does then is SQLite's and Python's own affair."""

    link: Link

    def halt(self, sql: str, parameters: Any, carry_out: Callable[[], Any]) -> Any:
        """Carry out one statement when the parent says so, again as often as it says so."""
        self.link.send("asks", sql, parameters if isinstance(parameters, dict) else list(parameters))
        self.link.receive()
        while True:
            started = time.monotonic()
            try:
                result = carry_out()
            except Exception as error:
                if str(error) == "database is locked":
                    self.link.send("busy", time.monotonic() - started >= PATIENCE)
                    if self.link.receive() == ["go"]:
                        continue
                self.link.send("failed", type(error).__name__, str(error), self.in_transaction)
                raise
            counted = isinstance(result, sqlite3.Cursor) and result.description is None and result.rowcount >= 0
            self.link.send("did", result.rowcount if counted else None, self.in_transaction)
            return result

    def cursor(self, factory: Any = None) -> Any:
        return super().cursor(factory or Cursor)

    def execute(self, *arguments: Any) -> Any:
        return self.cursor().execute(*arguments)

    def executemany(self, *arguments: Any) -> Any:
        return self.cursor().executemany(*arguments)

    def executescript(self, script: str) -> Any:
        return self.cursor().executescript(script)

    def commit(self) -> None:
        if self.in_transaction:
            self.halt("COMMIT", (), super().commit)

    def rollback(self) -> None:
        if self.in_transaction:
            self.halt("ROLLBACK", (), super().rollback)

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> Any:
        # The module's own goes past the two methods above.
        if kind is not None:
            self.rollback()
            return False
        try:
            self.commit()
        except sqlite3.Error:
            self.rollback()
            raise
        return False

    def end_delivery(self) -> None:
        """What is open is rolled back, unasked."""
        super().rollback()


class Cursor(sqlite3.Cursor):
    """A cursor whose statements wait for the parent."""

    connection: Connection

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        carry_out = super().execute
        return self.connection.halt(sql, parameters, lambda: carry_out(sql, parameters))

    def executemany(self, sql: str, parameters: Any) -> Any:
        (one,) = parameters  # with more, others could come in between
        carry_out = super().executemany
        return self.connection.halt(sql, one, lambda: carry_out(sql, [one]))

    def executescript(self, script: str) -> Any:
        assert script.count(";") <= 1, "only scripts of one statement"
        self.connection.commit()
        carry_out = super().executescript
        return self.connection.halt(script, (), lambda: carry_out(script))


class Message:
    """A message as a handler gets it."""

    def __init__(self, identity: str, body: dict[str, Any], attempt: int) -> None:
        self.id = identity
        self.body = body
        self.attempt = attempt
        self.redelivered = attempt > 1


def serve(link: Link) -> None:
    """Do what the parent says, for ever."""
    db: Any = None
    handle: Callable[[Message, Any], Any] = print
    while True:
        command, *arguments = link.receive()
        if command == "open":
            cell, file = arguments
            if db is not None:
                sqlite3.Connection.close(db.conn)
            connection = sqlite3.connect(file, timeout=PATIENCE, factory=Connection)
            connection.link = link
            db = sqlite_utils.Database(connection, recursive_triggers=False)
            db._supports_on_conflict = True  # else its first upsert would find out by making a table
            space: dict[str, Any] = {"__name__": "__main__"}
            exec(compile(cell, "<cell>", "exec", dont_inherit=True), space)
            handle = space["handle"]
        elif command == "deliver":
            try:
                handle(Message(*arguments), db)
            except Exception as error:
                link.send("raised", type(error).__name__, str(error))
            else:
                link.send("returned")
        elif command == "end":
            db.conn.end_delivery()
            link.send("ended")


if __name__ == "__main__":
    time.sleep = lambda seconds: None
    serve(Link())
