"""What goes through the pipe between a grader and the process that holds a submission: plain data, in JSON.

Nothing that arrives is ever unpickled, imported or called. What comes from a submission is checked value by value
(`request_of`) before anything here looks at it, since the other end may send whatever it likes.

A frame is its length in four bytes, the most significant first, and so many bytes of JSON.
"""

from __future__ import annotations

import base64
import json
import reprlib
import socket
import struct
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any

from .calls import Call, MessageGiven, Tool
from .operations import (
    Acknowledge,
    Done,
    DrawBytes,
    Hung,
    LookBack,
    Perform,
    Raised,
    ReadAttempt,
    ReadClock,
    Receive,
    Received,
    RedisCommand,
    RedisFailure,
    RedisReply,
    RedisTransaction,
    RedisUnwatch,
    RedisWatch,
    Refused,
    Request,
    Returned,
    SendPayment,
    Sleep,
    SqlFailure,
    SqlResult,
    SqlStatement,
    Unrepeatable,
)

#: What comes with a pipe for a new process: it is the first one for its part; others have to go. Or one more.
FIRST, ANOTHER = b"1", b"+"
#: What comes without a pipe: is this place as it was before the first process? And the answers.
NEXT, CLEAN, DIRTY = b"?", b"y", b"n"
LARGEST_FRAME = 16 * 1024 * 1024
#: Seconds in which the other end has to take a message, on the busiest machine.
_TO_TAKE = 300.0
#: Lists and dicts within one another.
_DEEPEST = 40
_LARGEST_TEXT = 1_000_000
_MOST_BYTES_DRAWN = 65_536
_HEAD = struct.Struct("!I")
_NAMED: dict[str, Any] = {
    kind.__name__: kind
    for kind in (
        Acknowledge,
        Call,
        Done,
        DrawBytes,
        Hung,
        LookBack,
        MessageGiven,
        Perform,
        Raised,
        ReadAttempt,
        ReadClock,
        Receive,
        Received,
        RedisCommand,
        RedisFailure,
        RedisReply,
        RedisTransaction,
        RedisUnwatch,
        RedisWatch,
        Refused,
        Returned,
        SendPayment,
        Sleep,
        SqlFailure,
        SqlResult,
        SqlStatement,
        Unrepeatable,
    )
}


class Nonsense(Exception):
    """What arrived is not what may stand there; the message says what it is."""


class Gone(Exception):
    """The other end is not there any more."""


class Silent(Exception):
    """Nothing complete arrived in time."""


def packed(value: Any) -> Any:
    """``value`` as JSON can hold it."""
    kind = type(value)
    if value is None or kind in (bool, int, float, str):
        return value
    if kind is bytes:
        return {"b": base64.b64encode(value).decode("ascii")}
    if kind is Tool:
        return {"t": value.value}
    if kind.__name__ in _NAMED and kind is _NAMED[kind.__name__]:
        return {"n": [kind.__name__, *map(packed, value)]}
    if isinstance(value, Mapping):
        return {"d": [[packed(k), packed(v)] for k, v in value.items()]}
    if isinstance(value, tuple | list):
        return [packed(item) for item in value]
    raise TypeError(f"{kind.__name__} does not go through the pipe")


def unpacked(value: Any) -> Any:
    """What `packed` was given; lists come back as tuples.

    Raises:
        Nonsense: nothing that `packed` would have made.
    """
    return _unpacked(value, _DEEPEST)


def _unpacked(value: Any, deep: int) -> Any:
    kind = type(value)
    if value is None or kind in (bool, int, float, str):
        return value
    if deep == 0:
        raise Nonsense(f"{shortly(value)} is nested more than {_DEEPEST} deep")
    deep -= 1
    if kind is list:
        return tuple([_unpacked(item, deep) for item in value])
    try:
        if kind is dict and len(value) == 1:
            ((tag, content),) = value.items()
            if tag == "b":
                return base64.b64decode(content, validate=True)
            if tag == "t":
                return Tool(content)
            if tag == "n":
                return _NAMED[content[0]](*[_unpacked(one, deep) for one in content[1:]])
            if tag == "d":
                return {_unpacked(k, deep): _unpacked(v, deep) for k, v in content}
    except (TypeError, ValueError, LookupError) as error:
        raise Nonsense(f"{shortly(value)}: {str(error)[:200]}") from None
    raise Nonsense(f"{shortly(value)} is no plain value")


def shortly(value: Any) -> str:
    """A value from the other end, for a message about it."""
    return reprlib.repr(value)[:80]


# -- what a submission may send ----------------------------------------------------------------------------


def _is_value(thing: Any) -> bool:
    return thing is None or (type(thing) in (int, float, str, bytes) and _is_short(thing))


def _is_short(thing: Any) -> bool:
    return not isinstance(thing, str | bytes) or len(thing) <= _LARGEST_TEXT


def _is_text(thing: Any) -> bool:
    return type(thing) is str and len(thing) <= _LARGEST_TEXT


def _is_count(thing: Any) -> bool:
    return type(thing) is int and 0 <= thing < 1_000_000


def _are_bytes(thing: Any) -> bool:
    return type(thing) is tuple and all(type(item) is bytes and _is_short(item) for item in thing)


def _is_sql(request: SqlStatement) -> bool:
    sql, parameters, named = request
    if not (_is_text(sql) and type(parameters) is tuple and type(named) is bool):
        return False
    if named:
        return all(type(p) is tuple and len(p) == 2 and _is_text(p[0]) and _is_value(p[1]) for p in parameters)
    return all(map(_is_value, parameters))


_RIGHT: dict[type, Any] = {
    SqlStatement: _is_sql,
    RedisCommand: lambda r: _are_bytes(r.arguments) and bool(r.arguments),
    RedisTransaction: lambda r: type(r.commands) is tuple and all(_are_bytes(c) and c for c in r.commands),
    RedisWatch: lambda r: _are_bytes(r.keys),
    RedisUnwatch: lambda r: True,
    ReadAttempt: lambda r: True,
    ReadClock: lambda r: type(r.steady) is bool,
    LookBack: lambda r: r.what in ("rowid", "total"),
    Sleep: lambda r: True,
    Receive: lambda r: True,
    Acknowledge: lambda r: _is_count(r.delivery),
    Perform: lambda r: _is_count(r.delivery),
    SendPayment: lambda r: _is_text(r.key) and _is_text(r.order) and type(r.amount) is int,
    DrawBytes: lambda r: (
        _is_count(r.length) and r.length <= _MOST_BYTES_DRAWN and _is_count(r.serial) and _is_count(r.before)
    ),
    Returned: lambda r: r.value is None or type(r.value) is int or _is_text(r.value),
    Raised: lambda r: r.kind in ("error", "retry", "lock") and all(map(_is_text, r)),
    Hung: lambda r: _is_text(r.why),
    Unrepeatable: lambda r: _is_text(r.why),
}


def request_of(value: Any) -> Request:
    """A request from a submission, checked.

    Raises:
        Nonsense: it is none.
    """
    request = unpacked(value)
    right = _RIGHT.get(type(request))
    if right is None or not right(request):
        raise Nonsense(f"{shortly(value)} is no request")
    return request  # type: ignore[no-any-return]


def line_of(value: Any) -> tuple[str, int] | None:
    """A place in the learner's source, or None.

    Raises:
        Nonsense: it is neither.
    """
    if value is None:
        return None
    if type(value) is list and len(value) == 2 and _is_text(value[0]) and _is_count(value[1]):
        return value[0], value[1]
    raise Nonsense(f"{shortly(value)} is no place in the source")


# -- frames ------------------------------------------------------------------------------------------------


class _Deadline:
    """A moment, and who may put it off."""

    def __init__(self, seconds: float, more: Callable[[], float] | None) -> None:
        self._until, self._more = monotonic() + seconds, more

    def left(self) -> float:
        """Seconds until then, more than 0.

        Raises:
            Silent: it is over, and nobody puts it off.
        """
        left = self._until - monotonic()
        if left <= 0 and self._more is not None:
            left = self._more()
            self._until = monotonic() + left
        if left <= 0:
            raise Silent
        return left


class Pipe:
    """Both ends use this: whole messages over a socket."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection

    def close(self) -> None:
        """Close this end."""
        self._socket.close()

    def send(self, message: Any) -> None:
        """Send one message of plain data.

        Raises:
            Gone: nobody is there to take it.
            Silent: nobody took it in time.
        """
        data = json.dumps(message, separators=(",", ":")).encode("ascii")
        if len(data) > LARGEST_FRAME:
            raise Nonsense(f"a message of {len(data):,} bytes, more than {LARGEST_FRAME:,}")
        try:
            self._socket.settimeout(_TO_TAKE)
            self._socket.sendall(_HEAD.pack(len(data)) + data)
        except TimeoutError:
            raise Silent from None
        except OSError:
            raise Gone from None

    def receive(self, seconds: float | None = None, more: Callable[[], float] | None = None) -> Any:
        """The next message, within ``seconds``. When they are over, ``more`` says how many are added: 0, none.

        Raises:
            Gone: the other end closed the pipe or died.
            Silent: no whole message arrived in time.
            Nonsense: what arrived is no message.
        """
        deadline = None if seconds is None else _Deadline(seconds, more)
        (length,) = _HEAD.unpack(self._take(4, deadline))
        if length > LARGEST_FRAME:
            raise Nonsense(f"a message of {length:,} bytes, more than {LARGEST_FRAME:,}")
        data = self._take(length, deadline)
        try:
            return json.loads(data)
        except (ValueError, RecursionError):
            raise Nonsense(f"{data[:60]!r} is no JSON") from None

    def _take(self, count: int, deadline: _Deadline | None) -> bytes:
        data = bytearray()
        while len(data) < count:
            try:
                self._socket.settimeout(None if deadline is None else deadline.left())
                piece = self._socket.recv(min(count - len(data), 1 << 20))
            except TimeoutError:
                continue
            except OSError:
                raise Gone from None
            if not piece:
                raise Gone
            data += piece
        return bytes(data)
