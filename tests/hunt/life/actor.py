"""A process that runs a learner's code, and halts before whatever it does to the world outside.

It is forked from a warm parent, runs the answer's cell in fresh memory, and opens a connection of its own to the
database file or the Redis server. At the end of a session it may be told to become another process, for the next one:
the cell is run again and the connection is a new one, which is ten times as fast as a fork.

Statements are noticed by SQLite's own trace callback, which comes before the statement takes a lock, and commands where
the client writes to its socket; so what is carried out is the affair of the module `sqlite3`, of redis-py and of the
stores alone. Parent and child talk in marshalled tuples:

    parent                                   child
    ("fresh", surroundings)                  memory and connection as in a new process
    ("call", name, arguments, credits, clock)
                                             ("at", trail)                 halted before the last entry of the trail
    ("go", credits, clock)
                                             ("ask", trail, what, argument)   what only the parent can do
    ("told", kind, value, clock)
                                             ("end", trail, kind, value, text, contended)

``credits`` is the number of halts that the child may pass without asking.
"""

from __future__ import annotations

import builtins
import contextlib
import io
import marshal
import os
import random
import resource
import socket
import sqlite3
import sys
import time
import types
import uuid
from collections.abc import Callable
from typing import Any, NamedTuple

import redis
import redis.connection
import redis.exceptions
import sqlite_utils

#: Seconds of processor time after which a call counts as endless.
MOST_PROCESSOR_SECONDS = 20
_REAL_TIME = time.time


class Retry(Exception):
    """What a handler raises to say "not now"."""


class StaleDelivery(ConnectionError):
    """The queue has delivered the message again meanwhile."""


class Message:
    """A delivery, as a handler or a loop gets it."""

    def __init__(self, id: str, body: dict[str, Any], attempt: int = 1, redelivered: bool = False) -> None:
        self.id, self.body, self.attempt, self.redelivered = id, body, attempt, redelivered
        self.delivery = -1


def pretend_package() -> None:
    """Let answers import `Retry` from ``redelivery`` without the checker's package."""
    package = types.ModuleType("redelivery")
    package.Retry, package.StaleDelivery, package.Message = Retry, StaleDelivery, Message  # type: ignore[attr-defined]
    sys.modules["redelivery"] = package


class Surroundings(NamedTuple):
    """What a process finds when it starts."""

    database: str | None
    redis_socket: str | None
    patience: float
    """Seconds that SQLite waits for a lock."""
    pid: int | None
    """A process id that all processes have, as in containers; None for their own."""
    draws: int | None
    """The seed of uuids that resemble each other more often than real ones; None for real ones."""
    coarse_clock: bool
    """The clock shows whole minutes."""
    skew: float
    """Seconds by which the clock of this process is wrong."""


NOWHERE = Surroundings(None, None, 0.0, None, None, False, 0.0)


class Line:
    """The line to the parent, and the halts."""

    def __init__(self, end: socket.socket) -> None:
        self.end = end
        self.surroundings = NOWHERE
        self.draws = random.Random()
        self.salt = 0
        self.trail: list[str] = []
        self.credits = 0
        self.clock = 0.0
        self.contended = False
        self.quiet = False

    def receive(self) -> tuple[Any, ...]:
        data = self.end.recv(1 << 20)
        if not data:
            os._exit(0)
        words: tuple[Any, ...] = marshal.loads(data)
        return words

    def send(self, *words: Any) -> None:
        self.end.send(marshal.dumps(words))

    def halt(self, what: str) -> None:
        """About to do ``what``: wait until the parent says go."""
        if self.quiet:
            return
        self.trail.append(what[:300])
        if self.credits > 0:
            self.credits -= 1
            return
        trail, self.trail = self.trail, []
        self.send("at", trail)
        _, self.credits, self.clock = self.receive()

    def ask(self, what: str, argument: Any = None) -> tuple[str, Any]:
        """Have the parent do ``what``."""
        trail, self.trail = self.trail, []
        self.send("ask", trail, what, argument)
        _, kind, value, self.clock = self.receive()
        return kind, value

    def now(self) -> float:
        seconds = _REAL_TIME() + self.clock + self.surroundings.skew
        return seconds // 60 * 60 if self.surroundings.coarse_clock else seconds


class Connection(sqlite3.Connection):
    """The module's own, which notes that a lock was met: contention is no poison."""

    line: Line

    @contextlib.contextmanager
    def _noting(self) -> Any:
        try:
            yield
        except sqlite3.OperationalError as error:
            if "locked" in str(error) or "busy" in str(error):
                self.line.contended = True
            raise

    def cursor(self, factory: Any = None) -> Any:
        return super().cursor(factory or Cursor)

    def execute(self, *arguments: Any) -> Any:
        return self.cursor().execute(*arguments)

    def executemany(self, *arguments: Any) -> Any:
        return self.cursor().executemany(*arguments)

    def executescript(self, *arguments: Any) -> Any:
        return self.cursor().executescript(*arguments)

    def commit(self) -> None:
        with self._noting():
            super().commit()

    def __exit__(self, *arguments: Any) -> Any:
        with self._noting():
            return super().__exit__(*arguments)


class Cursor(sqlite3.Cursor):
    """The module's own, which notes that a lock was met."""

    connection: Connection

    def execute(self, *arguments: Any) -> Any:
        with self.connection._noting():
            return super().execute(*arguments)

    def executemany(self, *arguments: Any) -> Any:
        with self.connection._noting():
            return super().executemany(*arguments)

    def executescript(self, *arguments: Any) -> Any:
        with self.connection._noting():
            return super().executescript(*arguments)


def _open_database(line: Line, file: str) -> sqlite_utils.Database:
    connection = sqlite3.connect(file, timeout=line.surroundings.patience, factory=Connection)
    connection.line = line
    connection.set_trace_callback(lambda sql: line.halt(" ".join(sql.split())))
    return sqlite_utils.Database(connection, recursive_triggers=False, execute_plugins=False)


def _words(packed: bytes) -> str:
    """A packed command as one reads it."""
    parts = packed.split(b"\r\n")
    return " ".join(part.decode("utf-8", "replace") for part in parts[2::2])


def _halt_at_redis(line: Line) -> None:
    """Each command is sent by itself, so that a pipeline without MULTI can be torn apart."""
    send = redis.connection.AbstractConnection.send_packed_command

    def send_packed_command(self: Any, command: Any, check_health: bool = True) -> None:
        if isinstance(command, list | tuple):
            for one in command:
                line.halt(_words(one if isinstance(one, bytes) else bytes(one)))
                send(self, [one], check_health)
            return
        line.halt(_words(command if isinstance(command, bytes) else str(command).encode()))
        send(self, command, check_health)

    def pack_commands(self: Any, commands: Any) -> list[bytes]:
        return [b"".join(self._command_packer.pack(*command)) for command in commands]

    redis.connection.AbstractConnection.send_packed_command = send_packed_command  # type: ignore[method-assign]
    redis.connection.AbstractConnection.pack_commands = pack_commands  # type: ignore[method-assign]
    begin = redis.exceptions.WatchError.__init__

    def note(self: Any, *arguments: Any) -> None:
        line.contended = True
        begin(self, *arguments)

    redis.exceptions.WatchError.__init__ = note  # type: ignore[method-assign]


def _change_clock_and_chance(line: Line) -> None:
    def sleep(seconds: float) -> None:
        line.ask("sleep", float(seconds))

    real_pid, real_uuid = os.getpid(), uuid.uuid4

    def uuid4() -> uuid.UUID:
        draws = line.draws
        if line.surroundings.draws is None or draws.random() < 0.2:
            return real_uuid()
        middle = f"{random.getrandbits(48):012x}"
        beginning = draws.choice(["deadbeef", "deadbee0", "00000000"])
        end = draws.choice(["000000000000", "000000000001", "000000000002"])
        return uuid.UUID(f"{beginning}-{middle[:4]}-4{middle[4:7]}-a{middle[7:10]}-{end}")

    time.time = line.now
    time.time_ns = lambda: int(line.now() * 1_000_000_000)
    time.monotonic = line.now
    time.sleep = sleep
    real_hash = builtins.hash

    def salted_hash(thing: Any, /) -> int:
        return real_hash((line.salt, thing) if isinstance(thing, str | bytes | tuple) else thing)

    builtins.hash = salted_hash
    os.getpid = lambda: line.surroundings.pid or real_pid
    uuid.uuid4 = uuid4


def _scan_twice(client: redis.Redis) -> None:
    """SCAN, SSCAN and ZSCAN may name an element several times (redis.io, SCAN: "it is up to the application to handle
    the case of duplicated elements"). A server does that while a table grows or shrinks; here it happens more often."""
    for name in ("SCAN", "SSCAN", "ZSCAN"):
        parse = client.response_callbacks[name]

        def parse_and_repeat(response: Any, parse: Any = parse, **options: Any) -> Any:
            cursor, found = parse(response, **options)
            if found and random.random() < 0.3:
                found = [*found, random.choice(found)]
            return cursor, found

        client.set_response_callback(name, parse_and_repeat)


class Queue:
    """The queue as a loop sees it."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def receive(self) -> Message | None:
        _, value = self._line.ask("receive")
        if value is None:
            return None
        delivery, *rest = value
        message = Message(*rest)
        message.delivery = delivery
        return message

    def ack(self, message: Message) -> None:
        _raise(self._line.ask("ack", message.delivery))

    def process(self, message: Message) -> None:
        _raise(self._line.ask("process", message.delivery))


def _raise(told: tuple[str, Any]) -> None:
    kind, value = told
    if kind == "raise":
        name, text = value
        raise {
            "ConnectionError": ConnectionError,
            "RuntimeError": RuntimeError,
            "StaleDelivery": StaleDelivery,
            "ValueError": ValueError,
        }[name](text)


def be_an_actor(end: socket.socket, code: types.CodeType) -> None:
    """The child's whole life; doesn't return."""
    line = Line(end)
    sys.stdout = sys.stderr = io.StringIO()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _change_clock_and_chance(line)
    _halt_at_redis(line)
    client: redis.Redis | None = None
    space: dict[str, Any] = {}
    tools: dict[str, Any] = {}
    instances: dict[str, Any] = {}
    while True:
        command, *words = line.receive()
        if command == "fresh":
            line.surroundings = Surroundings(*words[0])
            if "db" in tools:
                sqlite3.Connection.close(tools["db"].conn)
            if client is not None:
                client.close()
            line.quiet = True
            tools, client = _tools(line)
            line.quiet = False
            instances = {}
            space = _run_the_cell(line, code)
            _limit_computing()
            continue
        name, arguments, line.credits, line.clock = words
        line.contended = False
        ended = _carry_out(line, space, tools, instances, name, arguments)
        if "db" in tools:
            line.quiet = True
            try:
                sqlite3.Connection.rollback(tools["db"].conn)
            except sqlite3.Error:
                pass
            line.quiet = False
        trail, line.trail = line.trail, []
        line.send("end", trail, *ended, line.contended)


def _limit_computing() -> None:
    """From now on so much processor time more."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    most = int(used.ru_utime + used.ru_stime) + MOST_PROCESSOR_SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (most, resource.RLIM_INFINITY))


def _tools(line: Line) -> tuple[dict[str, Any], redis.Redis | None]:
    surroundings = line.surroundings
    line.draws = random.Random(surroundings.draws)
    line.salt = int.from_bytes(os.urandom(4))
    random.seed()
    tools: dict[str, Any] = {}
    client = None
    if surroundings.database is not None:
        tools["db"] = _open_database(line, surroundings.database)
    if surroundings.redis_socket is not None:
        client = redis.Redis(unix_socket_path=surroundings.redis_socket)
        client.ping()
        _scan_twice(client)
        tools["redis"] = client
    queue = Queue(line)

    def send(key: Any, order_id: Any, amount: Any) -> None:
        _raise(line.ask("send", [str(key), str(order_id), amount]))

    return tools | {"queue": queue, "process": queue.process, "send": send}, client


def _run_the_cell(line: Line, code: types.CodeType) -> dict[str, Any]:
    module = types.ModuleType("__main__")
    module.__dict__["Retry"] = Retry
    sys.modules["__main__"] = module
    line.credits = 1 << 30
    try:
        exec(code, module.__dict__)
    except BaseException as error:
        line.send("end", [], "unusable", None, f"{type(error).__name__}: {error}"[:300], False)
        os._exit(0)
    line.credits, line.trail = 0, []
    return module.__dict__


def _carry_out(
    line: Line, space: dict[str, Any], tools: dict[str, Any], instances: dict[str, Any], name: str, arguments: list[Any]
) -> tuple[str, Any, str]:
    """Call a function of the answer, a method of an instance that lives as long as the process, or raw SQL."""
    try:
        if name == "empty the inbox":
            return "returned", _empty_the_inbox(tools["db"].conn), ""
        given = [_given(argument, tools) for argument in arguments]
        target, _, method = name.partition(".")
        function: Callable[..., Any] = space[target]
        if method:
            if target not in instances:
                instances[target] = function(tools["db"])
            function = getattr(instances[target], method)
        value = function(*given)
        line.halt("(is about to answer)")
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        if isinstance(error, redis.exceptions.LockError):
            line.contended = True
        kind = "retry" if isinstance(error, Retry) else "raised"
        return kind, type(error).__name__, f"{type(error).__name__}: {error}"[:300]
    if type(value) in (int, str, bool, type(None)) and not (type(value) is int and abs(value) > 1 << 60):
        return "returned", value, type(value).__name__
    return "returned", repr(value)[:200], type(value).__name__


def _given(argument: Any, tools: dict[str, Any]) -> Any:
    """Arguments come as they are, tools as ``["tool", name]`` and messages as ``["message", …]``."""
    if isinstance(argument, list):
        kind, *rest = argument
        return tools[rest[0]] if kind == "tool" else Message(*rest)
    return argument


def _empty_the_inbox(connection: sqlite3.Connection) -> Any:
    """Whoever takes the messages out of the inbox: in one transaction, with the write lock."""
    connection.execute("BEGIN IMMEDIATE")
    rows = [payload for (payload,) in connection.execute("SELECT payload FROM inbox ORDER BY id").fetchall()]
    connection.execute("DELETE FROM inbox")
    connection.commit()
    return [str(row) for row in rows]
