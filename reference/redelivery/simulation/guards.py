"""What learner code may not do to the interpreter that checks it, as far as one interpreter can say no.

While a search runs, learner code prints nowhere, sleeps no real time, can't end the process or fork it, and
can't wait for a keyboard. What remains open in one interpreter (``os.environ``, attributes of modules, files)
is closed only in a child process.
"""

from __future__ import annotations

import _thread
import builtins
import contextlib
import datetime
import dis
import gc
import importlib
import io
import os
import platform
import random
import secrets
import signal
import socket
import sqlite3
import sys
import threading
import time
import types
import uuid
from collections.abc import Callable, Iterator
from types import FrameType, SimpleNamespace
from typing import Any, NoReturn, Protocol

import sqlite_utils.db

from .start import Start


class NotAllowedHere(Exception):
    """Learner code called something that would end or block the checker."""


class _Silence(io.TextIOBase):
    """Prints go nowhere, or into a list of the listener's."""

    encoding = "utf-8"

    def __init__(self) -> None:
        self.listener: Callable[[str], None] | None = None

    def write(self, text: str, /) -> int:
        if self.listener is not None:
            self.listener(text)
        return len(text)

    def writable(self) -> bool:
        return True


def _refuse(name: str) -> Callable[..., Any]:
    def refused(*_: Any, **__: Any) -> Any:
        if source is not None and source.in_learner_code():
            source.note_unsupported(name)
        raise NotAllowedHere(f"{name} is not available inside a checked function")

    return refused


def no_sleep(seconds: float, /) -> None:
    """`time.sleep` inside a handler: the schedule decides what happens meanwhile."""
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")
    if source is not None and source.in_learner_code():
        source.sleep()


class Source(Protocol):
    """Who knows whether a handler is under way, and has random bytes for it."""

    def in_learner_code(self) -> bool:
        """Whether the call comes from inside a handler."""

    def draw_bytes(self, count: int, bits: int | None = None) -> bytes:
        """Random bytes from the world, of which so many ``bits`` will be used."""

    def seeded(self) -> random.Random | None:
        """What ``random`` draws from in the process under way, where it has seeded it."""

    def seed(self, *arguments: Any, **named: Any) -> None:
        """The process under way seeds ``random``."""

    def process_number(self) -> int:
        """What tells the process under way from others: over 1, the same throughout a delivery."""

    def read_clock(self, steady: bool) -> int:
        """Milliseconds since the world's `MOMENT`. ``steady``: by a clock that nobody can set."""

    def is_learners(self, file: str) -> bool:
        """Whether a file is the learner's."""

    def sleep(self) -> None:
        """Wait until the schedule goes on."""

    def unwinds(self) -> bool:
        """Whether the call comes from a handler that was killed, which reaches nothing any more."""

    def hang(self, why: str) -> NoReturn:
        """The handler waits for what never comes."""

    def event_loop_policy(self) -> Any:
        """asyncio's policy for the process whose handler asks; None outside of handlers."""

    def open_database(self, options: dict[str, Any]) -> Any:
        """A further connection of the process to the simulated database."""

    def note_unsupported(self, what: str) -> None:
        """The handler asks for what this simulation has not: no verdict but *undetermined* can follow."""


undo: list[Callable[[], None]] = []
"""What has to be done at the end of what is guarded."""
source: Source | None = None
"""Set while learner code runs."""


is_database: Callable[[Any], bool] | None = None
"""Whether a path stands for the simulated database."""
starting: Start | None = None
"""Set while the learner's cells are executed for a process."""


def _drawer() -> Source | Start | None:
    """Who has random bytes: the world inside a handler, and a process that starts."""
    return source if source is not None and source.in_learner_code() else starting


def _from_world() -> bool:
    return source is not None and source.in_learner_code()


def _urandom(count: int, /) -> bytes:
    """`os.urandom`, from the world inside a handler: so uuid4, secrets and SystemRandom come from there, too."""
    drawer = _drawer()
    return _real_urandom(count) if drawer is None or count <= 0 else drawer.draw_bytes(count)


def _uuid1(*arguments: Any, **named: Any) -> uuid.UUID:
    """`uuid.uuid1`, which redis.lock takes its tokens from: inside a handler, random bytes from the world. It ends with
    the machine's number."""
    if _drawer() is None:
        return _real_uuid1(*arguments, **named)
    return uuid.UUID(bytes=_urandom(16)[:10] + _NODE, version=1)


def _getpid() -> int:
    """`os.getpid`: two consumers, and a consumer and its successor, are processes with numbers of their own."""
    asked = _drawer()
    if asked is None or not asked.is_learners(sys._getframe(1).f_code.co_filename):
        return _real_getpid()
    return asked.process_number()


def _host_name() -> str:
    """`socket.gethostname` and `platform.node`: a process may start again on another machine."""
    asked = _drawer()
    if asked is None or not asked.is_learners(sys._getframe(1).f_code.co_filename):
        return _real_host_name()
    return asked.host_name() if isinstance(asked, Start) else f"consumer-{asked.process_number()}"


def _hash(thing: object, /) -> int:
    """`hash`, where a handler asks for it: that of texts and bytes is another in each process."""
    value = _real_hash(thing)
    if source is None or not _differs(thing) or not source.in_learner_code():
        return value
    caller = sys._getframe(1).f_code
    if caller.co_name == "__hash__" or not source.is_learners(caller.co_filename):
        return value  # dicts and sets go by it, and they hold things from before this delivery
    return _real_hash((value, source.process_number()))


def _differs(thing: object) -> bool:
    return isinstance(thing, str | bytes) or (isinstance(thing, tuple | frozenset) and any(map(_differs, thing)))


class _WorldRandom(random.Random):
    """What the functions of the module ``random`` draw from: inside a handler, the world."""

    def random(self) -> float:
        drawer = _drawer()
        if drawer is None:
            return _real_random()
        seeded = drawer.seeded()
        if seeded is not None:
            return seeded.random()
        return (int.from_bytes(drawer.draw_bytes(7, _OF_A_FLOAT)) >> 3) * 2.0**-53

    def getrandbits(self, k: int, /) -> int:
        drawer = _drawer()
        if drawer is None or k <= 0:
            return _real_getrandbits(k)
        seeded = drawer.seeded()
        if seeded is not None:
            return seeded.getrandbits(k)
        return int.from_bytes(drawer.draw_bytes((k + 7) // 8, k)) >> (-k % 8)

    def seed(self, *arguments: Any, **named: Any) -> None:
        """As in Python: the same numbers after the same seed. Without one, as at the beginning, the world's."""
        drawer = _drawer()
        if drawer is None:
            super().seed(*arguments, **named)
        else:
            drawer.seed(*arguments, **named)


def _clock(name: str, frozen: float) -> Callable[..., Any]:
    real = getattr(time, name)
    value = int(frozen * 1e9) if name.endswith("_ns") else frozen

    def clock() -> Any:
        if _drawer() is None:
            return real()
        now = _now(sys._getframe(1), steady=name in _STEADY)
        return value + (now * 1_000_000 if name.endswith("_ns") else now / 1000)

    return clock


def _clock_gettime(name: str) -> Callable[..., Any]:
    """`time.clock_gettime`: only one of the clocks can be set."""
    real = getattr(time, name, None)

    def clock_gettime(number: int, /) -> Any:
        if _drawer() is None:
            assert real is not None
            return real(number)
        moment = MOMENT.timestamp() * 1e9 + _now(sys._getframe(1), number != time.CLOCK_REALTIME) * 1_000_000
        return int(moment) if name.endswith("_ns") else moment / 1e9

    return clock_gettime


def _calendar(name: str) -> Callable[..., Any]:
    """A function of `time` that takes the present moment where it is given none."""
    real = getattr(time, name)
    given = 1 if name == "strftime" else 0

    def function(*arguments: Any) -> Any:
        missing = len(arguments) == given or (name not in ("asctime", "strftime") and arguments == (None,))
        if _drawer() is None or not missing:
            return real(*arguments)
        moment = _real_gmtime(_moment(sys._getframe(1)).timestamp())
        if name in ("localtime", "gmtime"):
            return moment
        return _real_asctime(moment) if name in ("ctime", "asctime") else real(*arguments, moment)

    return function


def _now(caller: FrameType, steady: bool = False) -> int:
    """Milliseconds since `MOMENT`, as the world has them. Libraries (logging, say) look at the clock for purposes of
    their own, and always see the same moment: else every message that is logged would count as a look at the time."""
    asked = _drawer()
    assert asked is not None
    asks = asked.is_learners(caller.f_code.co_filename) or caller.f_globals.get("__name__") in _LOOK_FOR_THEMSELVES
    return asked.read_clock(steady) if asks else 0


def _moment(caller: FrameType) -> datetime.datetime:
    return MOMENT + _timedelta(milliseconds=_now(caller))


#: Libraries whose looks at the clock count: one decides by them how long it tries to get a lock, one answers with them.
_LOOK_FOR_THEMSELVES = ("redis.lock", "email.utils")
_real_gmtime, _real_asctime = time.gmtime, time.asctime
_timedelta = datetime.timedelta


_real_urandom, _real_random, _real_getrandbits = os.urandom, random.random, random.getrandbits
_real_host_name = socket.gethostname
_real_uuid1, _real_getpid, _real_hash = uuid.uuid1, os.getpid, builtins.hash
#: The end of a uuid1: of the machine on which all processes are.
_NODE = bytes.fromhex("0242ac110002")
#: How many bits of a float are used at the least: one of them picks a letter, not a key.
_OF_A_FLOAT = 4
_world_random = _WorldRandom()
_DRAWING = tuple(
    name
    for name in dir(random)
    if isinstance(getattr(random, name), types.MethodType | types.BuiltinMethodType)
    and isinstance(getattr(getattr(random, name), "__self__", None), random.Random)
    and name not in ("getstate", "setstate")
)
#: Nobody computes for long here: what a process has used of the processor goes with time.
_USED = tuple(
    name for name in ("process_time", "process_time_ns", "thread_time", "thread_time_ns") if hasattr(time, name)
)
_STEADY = ("monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", *_USED)
_CALENDAR = ("localtime", "gmtime", "ctime", "asctime", "strftime")
_CLOCKS = ("time", "time_ns", *_STEADY)
#: The moment at which all runs begin: that of `sqlite_store.NOW`.
MOMENT = datetime.datetime(2026, 1, 1, 9, 0, 0, tzinfo=datetime.UTC)


class _Meta(type):
    def __instancecheck__(cls, thing: Any) -> bool:
        return isinstance(thing, cls.__mro__[1])


class _Datetime(datetime.datetime, metaclass=_Meta):
    """`datetime.datetime`, whose now is the world's inside a handler."""

    @classmethod
    def now(cls, tz: Any = None) -> Any:
        if _drawer() is None:
            return _real_datetime.now(tz)
        return (
            _moment(sys._getframe(1)).astimezone(tz)
            if tz is not None
            else _moment(sys._getframe(1)).replace(tzinfo=None)
        )

    @classmethod
    def utcnow(cls) -> Any:
        return (
            _moment(sys._getframe(1)).replace(tzinfo=None)
            if _drawer() is not None
            else _real_datetime.now(datetime.UTC).replace(tzinfo=None)
        )

    @classmethod
    def today(cls) -> Any:
        if _drawer() is None:
            return _real_datetime.now()
        return _moment(sys._getframe(1)).replace(tzinfo=None)

    def __new__(cls, *arguments: Any, **named: Any) -> Any:
        return _real_datetime(*arguments, **named)


class _Date(datetime.date, metaclass=_Meta):
    """`datetime.date`, whose today is the world's inside a handler."""

    @classmethod
    def today(cls) -> Any:
        return _moment(sys._getframe(1)).date() if _drawer() is not None else _real_date.today()

    def __new__(cls, *arguments: Any, **named: Any) -> Any:
        return _real_date(*arguments, **named)


def _collect(generation: int = 2) -> int:
    """`gc.collect` inside a handler, some thousands of times: what is young is looked through, which is all that a
    delivery has made, and not what the checker has."""
    return _real_collect(0 if _from_world() else generation)


_real_collect = gc.collect
_bell: Any = signal.SIG_DFL
"""What the learner's code said last should happen when its alarm rings."""


_RETURNING = {"RESUME", "LOAD_CONST", "RETURN_VALUE", "RETURN_CONST"}


def _does_nothing(handler: Any) -> bool:
    """Whether it makes no difference when a signal comes that has this handler."""
    if handler is signal.SIG_IGN:
        return True
    code = getattr(handler, "__code__", None)
    return isinstance(code, types.CodeType) and {step.opname for step in dis.get_instructions(code)} <= _RETURNING


def _unless_learner(name: str) -> Callable[..., Any]:
    """Signals belong to the checker while a handler runs: its alarms don't ring, and are noted if ringing would change
    something."""
    real = getattr(signal, name, None)

    def function(*arguments: Any) -> Any:
        global _bell
        if source is not None and source.in_learner_code():
            if name == "signal":
                if arguments[:1] == (signal.SIGALRM,):
                    _bell = arguments[1] if len(arguments) > 1 else signal.SIG_DFL
            elif any(arguments) and not (name in ("alarm", "setitimer") and _does_nothing(_bell)):
                source.note_unsupported("signals")
            return None
        if real is None:
            return None
        return real(*arguments)

    return function


_SIGNALS = ("signal", "alarm", "setitimer", "pthread_kill", "raise_signal")
_real_datetime, _real_date = datetime.datetime, datetime.date


def _connect(*arguments: Any, **named: Any) -> Any:
    """`sqlite3.connect`: a database in memory is the process's own, as long as it attaches no file. A path that is said
    to be the simulated database leads to it."""
    if is_database is not None and source is not None and source.in_learner_code():
        path = arguments[0] if arguments else named.get("database")
        if is_database(path):
            names = ("database", "timeout", "detect_types", "isolation_level")
            return source.open_database({**dict(zip(names, arguments, strict=False)), **named})
    made = _real_connect(*arguments, **named)
    if _from_world():
        made.set_authorizer(_attach_nothing)
    return made


def _attach_nothing(action: int, name: str | None, *_: Any) -> int:
    if action != sqlite3.SQLITE_ATTACH or name in OWN_DATABASES:
        return sqlite3.SQLITE_OK
    if source is not None and source.in_learner_code():
        source.note_unsupported(f"{OTHER_DATABASE} ({name!r})")
    return sqlite3.SQLITE_DENY


class _SemLock:
    """`_multiprocessing.SemLock`, the first thing that everything in `multiprocessing` makes."""

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        if not _from_world():
            return _real_semlock(*arguments, **named)
        return _refuse("other processes (multiprocessing)")()

    def __getattr__(self, name: str) -> Any:
        return getattr(_real_semlock, name)


def _statvfs(path: Any) -> Any:
    """`os.statvfs`, which the memory that `multiprocessing` shares begins with."""
    if _from_world() and sys._getframe(1).f_globals.get("__name__") == "multiprocessing.heap":
        return _refuse("other processes (multiprocessing)")()
    return _real_statvfs(path)


#: Databases that are one connection's own and go with it.
OWN_DATABASES = frozenset({":memory:", "", b":memory:", b""})
OTHER_DATABASE = "an SQLite database of its own outside of memory"
_multiprocessing: Any = None
with contextlib.suppress(ImportError):
    _multiprocessing = importlib.import_module("_multiprocessing")
_real_connect = sqlite3.connect
_real_statvfs: Any = getattr(os, "statvfs", None)
_real_semlock: Any = getattr(_multiprocessing, "SemLock", None)


def _start_new_thread(*arguments: Any, **named: Any) -> Any:
    """Before Python 3.12 no audit event tells of a new thread."""
    if source is None or not (source.in_learner_code() or source.unwinds()):
        return _real_start_new_thread(*arguments, **named)
    return _refuse("threads")()


_real_start_new_thread = _thread.start_new_thread

_REPLACED: tuple[tuple[Any, str, Any], ...] = (
    (threading, "_start_new_thread", _start_new_thread),
    (_thread, "start_new_thread", _start_new_thread),
    (_thread, "start_new", _start_new_thread),
    (sqlite3, "connect", _connect),
    (gc, "collect", _collect),
    (os, "statvfs", _statvfs),
    (_multiprocessing, "SemLock", _SemLock()),
    (os, "_exit", _refuse("os._exit")),
    (os, "abort", _refuse("os.abort")),
    (os, "fork", _refuse("other processes (os.fork)")),
    (os, "kill", _refuse("os.kill")),
    (os, "killpg", _refuse("os.killpg")),
    (time, "sleep", no_sleep),
    (os, "urandom", _urandom),
    (os, "getpid", _getpid),
    (socket, "gethostname", _host_name),
    (platform, "node", _host_name),
    (builtins, "hash", _hash),
    (random, "_urandom", _urandom),
    (uuid, "uuid1", _uuid1),
    *((random, name, getattr(_world_random, name)) for name in _DRAWING),
    *((time, name, _clock(name, MOMENT.timestamp())) for name in _CLOCKS),
    *((time, name, _calendar(name)) for name in _CALENDAR),
    *((time, name, _clock_gettime(name)) for name in ("clock_gettime", "clock_gettime_ns")),
    (datetime, "datetime", _Datetime),
    (datetime, "date", _Date),
    *(
        (signal, name, _unless_learner(name))
        for name in ("signal", "alarm", "setitimer", "pthread_kill", "raise_signal")
    ),
)
#: What a function from a live notebook holds already, by identity → what its copy gets.
SUBSTITUTES: dict[int, Any] = {
    id(getattr(module, name)): new for module, name, new in _REPLACED if hasattr(module, name)
}
_ORIGINALS = [getattr(module, name, None) for module, name, _ in _REPLACED]  # keeps the ids above valid
_depth = 0
_silence = _Silence()


def tell_listener(text: str) -> None:
    """Something was printed by learner code in another process."""
    _silence.write(text)


@contextlib.contextmanager
def guarded() -> Iterator[_Silence]:
    """Everything that learner code runs in. Nested uses are one."""
    global _depth, _bell
    if _depth:
        yield _silence
        return
    _depth += 1
    saved = [(module, name, getattr(module, name)) for module, name, _ in _REPLACED if hasattr(module, name)]
    saved_input, streams = builtins.input, (sys.stdout, sys.stderr)
    _bell = signal.SIG_DFL
    library: Any = sqlite_utils.db
    saved_secrets = library.secrets
    _outside[:] = [*saved, (builtins, "input", saved_input), (sys, "stdout", streams[0]), (sys, "stderr", streams[1])]
    try:
        for module, name, new in _REPLACED:
            if hasattr(module, name):
                setattr(module, name, new)
        builtins.input = _refuse("input()")
        # sqlite-utils names its savepoints at random; a constant keeps two runs of one schedule equal.
        library.secrets = SimpleNamespace(
            **{**vars(secrets), "token_hex": lambda nbytes=None: "0" * 2 * (nbytes or 32)}
        )
        limit, trace = sys.getrecursionlimit(), sys.gettrace()
        sys.setrecursionlimit(max(limit, 6_000))
        try:
            with contextlib.redirect_stdout(_silence), contextlib.redirect_stderr(_silence):
                yield _silence
        finally:
            sys.setrecursionlimit(limit)
            sys.settrace(trace)
    finally:
        while undo:
            undo.pop()()
        for module, name, old in saved:
            setattr(module, name, old)
        builtins.input = saved_input
        library.secrets = saved_secrets
        _depth -= 1


_outside: list[tuple[Any, str, Any]] = []
"""What is as it was, in the middle of what is guarded, while `lifted`."""


@contextlib.contextmanager
def lifted() -> Iterator[None]:
    """For somebody who looks on, in the middle of what is guarded: the real streams, clocks and so on."""
    inside = [(module, name, getattr(module, name)) for module, name, _ in _outside]
    try:
        for module, name, value in _outside:
            setattr(module, name, value)
        yield
    finally:
        for module, name, value in inside:
            setattr(module, name, value)
