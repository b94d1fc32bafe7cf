"""What a handler holds in place of a `redis.Redis`: the real one, over a connection that leads to the world.

Everything above the connection is redis-py's own: pipelines, ``transaction()``, locks, scripts. Each command that the
connection is given is one operation; what stands between MULTI and EXEC is one, taken at EXEC.

Differences from a client of a real server (each has a test):

- one connection of a client can watch at a time: a second pipeline that watches, or one that carries out several
  commands as a transaction meanwhile, is not supported;
- the commands of a pipeline without a transaction go one by one: a crash can come between any two;
- a script that was loaded is known to the client that loaded it, for one delivery, and loading it takes no step; what
  was loaded before the run is known to all;
- publishing and subscribing, MONITOR, blocking commands, other databases and commands with random results raise
  `redis.exceptions.ResponseError`.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

import redis
from redis.backoff import NoBackoff
from redis.client import Pipeline
from redis.retry import Retry

from .operations import UNSUPPORTED, RedisCommand, RedisFailure, RedisReply, RedisTransaction, RedisUnwatch, RedisWatch

Ask = Callable[[RedisCommand | RedisTransaction | RedisWatch | RedisUnwatch], RedisReply]
_Words = tuple[bytes, ...]
_OK = b"OK"
_NO_SCRIPT = RedisFailure("NoScriptError", "No matching script. Please use EVAL.")
_SETTINGS = {"host": "simulated", "port": 0, "db": 0, "protocol": 2, "decode_responses": False, "encoding": "utf-8"}


def sha_of(script: bytes) -> bytes:
    """The name under which Redis knows a script."""
    return hashlib.sha1(script).hexdigest().encode()


class _Wire:
    """What the connections of one client share."""

    def __init__(self, ask: Ask, note_unsupported: Callable[[str], None], scripts: Iterable[bytes]) -> None:
        self._ask = ask
        self._note = note_unsupported
        self._loaded_before = {sha_of(script): script for script in scripts}
        self.scripts = dict(self._loaded_before)
        self.watcher: Connection | None = None
        self.must_unwatch = False  # the world still takes a connection for watching that is gone

    def begin(self) -> None:
        self.scripts = dict(self._loaded_before)
        self.watcher = None
        self.must_unwatch = False

    def ask(self, request: RedisCommand | RedisTransaction | RedisWatch | RedisUnwatch) -> Any:
        value = self._ask(request).value
        for one in value if type(value) is tuple else (value,):
            if isinstance(one, RedisFailure) and one.text.startswith(UNSUPPORTED):
                self._note(one.text)
        return value

    def refuse(self, what: str) -> RedisFailure:
        text = UNSUPPORTED + what
        self._note(text)
        return RedisFailure("ResponseError", text)

    def watch(self, connection: Connection, keys: _Words) -> Any:
        if self.watcher not in (None, connection):
            return self.refuse("two connections of one client that watch keys at the same time")
        self.forget_dead_watch()
        value = self.ask(RedisWatch(keys))
        if not isinstance(value, RedisFailure):
            self.watcher = connection
        return value

    def unwatch(self, connection: Connection) -> None:
        if self.watcher is connection:
            self.watcher = None
            self.ask(RedisUnwatch())

    def forget_dead_watch(self) -> None:
        if self.must_unwatch:
            self.must_unwatch = False
            self.ask(RedisUnwatch())

    def execute(self, connection: Connection, commands: tuple[_Words, ...]) -> Any:
        """EXEC: the replies, None where a watched key was touched, or a failure."""
        if self.watcher not in (None, connection):
            if len(commands) > 1:
                return self.refuse("a transaction beside a pipeline that watches keys")
            return tuple([self.ask(RedisCommand(command)) for command in commands])
        if self.watcher is None and not commands:
            return ()
        self.forget_dead_watch()
        self.watcher = None
        return self.ask(RedisTransaction(commands))


class Connection:
    """In place of `redis.Connection`: takes packed commands, keeps the replies until they are read."""

    retry = Retry(NoBackoff(), 0)
    host, port, db, pid = "simulated", 0, 0, 0
    himport_registry = None
    is_connected = True
    health_check_interval = 0

    def __init__(self, wire: _Wire) -> None:
        self._wire: _Wire | None = wire
        self._replies: deque[Any] = deque()
        self._queue: list[_Words] | None = None

    def repr_pieces(self) -> list[tuple[str, Any]]:
        return [("host", self.host), ("port", self.port), ("db", self.db)]

    def __repr__(self) -> str:
        return f"<{type(self).__name__}(host={self.host},port={self.port},db={self.db})>"

    # -- what redis-py asks of a connection -------------------------------------------------------------

    def connect(self) -> None:
        """There is nothing to connect to."""

    on_connect = check_health = reset_should_reconnect = connect

    def disconnect(self, *_: Any, **__: Any) -> None:
        """Forget what is half done; a server would stop watching for a connection that is gone."""
        self._replies.clear()
        self._queue = None
        wire = self._wire
        if wire is not None and wire.watcher is self:
            wire.watcher = None
            wire.must_unwatch = True

    def end(self) -> None:
        """From here on, nothing that is sent arrives."""
        self._wire = None
        self._replies.clear()
        self._queue = None

    def should_reconnect(self) -> bool:
        return False

    def get_protocol(self) -> int:
        return 2

    def can_read(self, timeout: float = 0) -> bool:
        return bool(self._replies)

    def register_connect_callback(self, callback: Any) -> None:
        """Nothing ever connects."""

    deregister_connect_callback = register_connect_callback

    def pack_command(self, *args: Any) -> list[_Words]:
        first = args[0]
        words = first.encode().split() if isinstance(first, str) else first.split()
        rest = [_encode(one) for one in args[1:]]
        return [(*words, *[one if type(one) is bytes else bytes(one) for one in rest])]

    def pack_commands(self, commands: Iterable[tuple[Any, ...]]) -> list[_Words]:
        return [self.pack_command(*command)[0] for command in commands]

    def send_command(self, *args: Any, **_: Any) -> None:
        self.send_packed_command(self.pack_command(*args))

    def send_packed_command(self, command: list[_Words], check_health: bool = True) -> None:
        try:
            for words in command:
                self._take(words)
        except BaseException:
            self.disconnect()
            raise

    def read_response(self, *_: Any, **__: Any) -> Any:
        if not self._replies:
            raise redis.ConnectionError("nothing was sent that could be answered")
        reply = _as_parsed(self._replies.popleft())
        if isinstance(reply, Exception):
            raise reply
        return reply

    # -- what becomes of a command ---------------------------------------------------------------------

    def _take(self, words: _Words) -> None:
        wire = self._wire
        if wire is None:
            raise redis.ConnectionError("the delivery that this connection belonged to is over")
        name = words[0].upper()
        if self._queue is not None:
            self._take_in_transaction(wire, self._queue, name, words)
        elif name in _OF_THE_CONNECTION:
            self._replies.append(_OF_THE_CONNECTION[name](self, wire, words))
        elif name in _SCRIPTS and (reply := self._answer_about_scripts(wire, words)) is not None:
            self._replies.append(reply)
        elif name in _WITHOUT_AN_ANSWER:
            raise _as_parsed(wire.refuse(f"the Redis command {name.decode()}"))
        else:
            self._replies.append(wire.ask(RedisCommand(self._with_script(wire, words))))

    def _take_in_transaction(self, wire: _Wire, queue: list[_Words], name: bytes, words: _Words) -> None:
        if name == b"EXEC":
            self._queue = None
            self._exec(wire, tuple(queue))
        elif name == b"DISCARD":
            self._queue = None
            wire.unwatch(self)
            self._replies.append(_OK)
        elif name == b"MULTI":
            self._replies.append(RedisFailure("ResponseError", "MULTI calls can not be nested"))
        elif name == b"WATCH":
            self._replies.append(RedisFailure("ResponseError", "WATCH inside MULTI is not allowed"))
        else:
            queue.append(self._with_script(wire, words))
            self._replies.append(b"QUEUED")

    def _exec(self, wire: _Wire, commands: tuple[_Words, ...]) -> None:
        value = wire.execute(self, commands)
        if isinstance(value, RedisFailure) and value.name == "ExecAbortError":
            self._refuse_queued(wire, commands)
        self._replies.append(value)

    def _refuse_queued(self, wire: _Wire, commands: tuple[_Words, ...]) -> None:
        """Redis tells of a command that it can't queue when it is given, not at EXEC: correct what was answered."""
        from .redis_commands import refuse

        unread = len(self._replies) - len(commands)
        for i, words in enumerate(commands):
            refused = refuse(words)
            if refused is not None and unread + i >= 0:
                self._replies[unread + i] = refused
                if refused.text.startswith(UNSUPPORTED):
                    wire.refuse(refused.text.removeprefix(UNSUPPORTED))

    def _multi(self, _wire: _Wire, _words: _Words) -> Any:
        self._queue = []
        return _OK

    def _watch(self, wire: _Wire, words: _Words) -> Any:
        if len(words) < 2:
            return RedisFailure("ResponseError", "wrong number of arguments for 'watch' command")
        return wire.watch(self, words[1:])

    def _unwatch(self, wire: _Wire, _words: _Words) -> Any:
        wire.unwatch(self)
        return _OK

    def _without_multi(self, _wire: _Wire, words: _Words) -> Any:
        return RedisFailure("ResponseError", f"{words[0].decode().upper()} without MULTI")

    def _with_script(self, wire: _Wire, words: _Words) -> _Words:
        """EVALSHA becomes the EVAL that it stands for: what a server happens to have loaded is no part of a run."""
        name = words[0].upper()
        if name == b"EVALSHA" and len(words) > 2:
            script = wire.scripts.get(words[1].lower())
            if script is not None:
                return (b"EVAL", script, *words[2:])
        elif name == b"EVAL" and len(words) > 2:
            wire.scripts[sha_of(words[1])] = words[1]
        return words

    def _answer_about_scripts(self, wire: _Wire, words: _Words) -> Any:
        """What the client knows by itself; None: the world is to be asked."""
        if words[0].upper() == b"EVALSHA":
            return None if len(words) < 3 or words[1].lower() in wire.scripts else _NO_SCRIPT
        subcommand = words[1].upper() if len(words) > 1 else b""
        if subcommand == b"LOAD" and len(words) == 3:
            wire.scripts[sha_of(words[2])] = words[2]
            return sha_of(words[2])
        if subcommand == b"EXISTS" and len(words) > 2:
            return tuple([int(sha.lower() in wire.scripts) for sha in words[2:]])
        if subcommand == b"FLUSH":
            wire.scripts.clear()
            return _OK
        return None


_encode: Any = redis.ConnectionPool().get_encoder().encode
_OF_THE_CONNECTION: dict[bytes, Callable[[Connection, _Wire, _Words], Any]] = {
    b"MULTI": Connection._multi,
    b"WATCH": Connection._watch,
    b"UNWATCH": Connection._unwatch,
    b"EXEC": Connection._without_multi,
    b"DISCARD": Connection._without_multi,
}
_SCRIPTS = frozenset({b"SCRIPT", b"EVALSHA"})
#: redis-py doesn't wait for an answer to these.
_WITHOUT_AN_ANSWER = frozenset(
    [b"SUBSCRIBE", b"PSUBSCRIBE", b"SSUBSCRIBE", b"UNSUBSCRIBE", b"PUNSUBSCRIBE", b"SUNSUBSCRIBE", b"MONITOR"]
)


def _as_parsed(value: Any) -> Any:
    """A reply as redis-py's parser gives it."""
    if type(value) is tuple:
        return [_as_parsed(one) for one in value]
    if isinstance(value, RedisFailure):
        kind: type[Exception] = getattr(redis.exceptions, value.name, redis.exceptions.ResponseError)
        return kind(value.text)
    return value


class _DecodingConnection(Connection):
    """A connection of a client that wants str."""

    def read_response(self, *rest: Any, **named: Any) -> Any:
        reply = super().read_response(*rest, **named)
        return reply if named.get("disable_decoding") else _decoded(reply)


def _decoded(reply: Any) -> Any:
    if isinstance(reply, list):
        return [_decoded(one) for one in reply]
    return reply.decode() if isinstance(reply, bytes) else reply


class ConnectionPool(redis.ConnectionPool):
    """In place of `redis.ConnectionPool`. (The real one's constructor draws a random number.)"""

    def __init__(self, wire: _Wire, decode: bool = False) -> None:
        self.wire = wire
        self.connection_class = _DecodingConnection if decode else Connection
        self.connection_kwargs = {**_SETTINGS, "decode_responses": decode}
        self.max_connections = 100
        self.cache = None
        self.himport_registry: Any = None
        self._free: list[Connection] = []
        self._taken: list[Connection] = []

    def begin(self) -> None:
        for connection in self._taken:
            connection.end()
        self._taken.clear()
        for connection in self._free:
            connection.disconnect()
        self.wire.begin()

    def get_connection(self, *_: Any, **__: Any) -> Any:
        connection = self._free.pop() if self._free else self.connection_class(self.wire)
        self._taken.append(connection)
        return connection

    make_connection = get_connection

    def release(self, connection: Any) -> None:
        if connection in self._taken:
            self._taken.remove(connection)
            connection._replies.clear()
            self._free.append(connection)

    def reset(self) -> None:
        """Nothing belongs to one operating system process only."""

    def disconnect(self, inuse_connections: bool = True) -> None:
        for connection in [*self._free, *(self._taken if inuse_connections else ())]:
            connection.disconnect()

    def set_retry(self, retry: Any) -> None:
        """Nothing is ever retried: whether a connection fails is the schedule's decision."""

    def __del__(self) -> None:
        pass


class _Pipeline(Pipeline):
    """A pipeline that sends nothing when it is collected: that could be at any moment, under any process's hands."""

    def __del__(self) -> None:
        connection = getattr(self, "connection", None)
        if connection is not None:
            connection.disconnect()
            self.connection_pool.release(connection)
            self.connection = None


class Redis(redis.Redis):
    """`redis.Redis`, over a connection to the world."""

    connection_pool: ConnectionPool
    _as_made: _AsMade

    def pipeline(self, transaction: bool = True, shard_hint: Any = None) -> Pipeline:
        return _Pipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)

    def pubsub(self, **_: Any) -> NoReturn:
        raise _as_parsed(self.connection_pool.wire.refuse("Redis pub/sub"))

    def monitor(self) -> NoReturn:
        raise _as_parsed(self.connection_pool.wire.refuse("the Redis command MONITOR"))


def make_client(
    ask: Ask, note_unsupported: Callable[[str], None], scripts: Iterable[bytes] = (), *, decode: bool = False
) -> Redis:
    """A client whose every command is put to ``ask``.

    ``note_unsupported`` is told of everything that this simulation has not, which also raises
    `redis.exceptions.ResponseError` with a text that begins with `UNSUPPORTED`. ``scripts``: the Lua scripts that are
    loaded already (`RedisStore.scripts`). ``decode``: replies are str, not bytes (redis-py's ``decode_responses``).
    """
    pool = ConnectionPool(_Wire(ask, note_unsupported, scripts), decode)
    client = Redis(connection_pool=pool)
    client._as_made = _AsMade(pool, client)
    return client


class _AsMade:
    """A client's attributes before a handler had it."""

    def __init__(self, pool: ConnectionPool, client: Redis) -> None:
        self.pool = pool
        self.attributes: dict[str, Any] = {**client.__dict__, "_as_made": self}
        self.callbacks: dict[str, Any] = dict(client.response_callbacks)


def begin_delivery(client: Redis) -> None:
    """Forget everything half done: queued commands, watched keys, pipelines that were never closed, loaded scripts,
    and whatever the handler has put on the client."""
    as_made = client._as_made
    as_made.pool.begin()
    if client.__dict__ != as_made.attributes:
        client.__dict__.clear()
        client.__dict__.update(as_made.attributes)
    callbacks: Any = client.response_callbacks
    if callbacks != as_made.callbacks:
        callbacks.clear()
        callbacks.update(as_made.callbacks)


def scripts_of(client: Redis) -> tuple[bytes, ...]:
    """The Lua scripts that the client knows."""
    return tuple(client._as_made.pool.wire.scripts.values())
