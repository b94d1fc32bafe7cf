"""What lies outside a process of the simulation, and how a handler is kept from it.

A run is repeated thousands of times in one interpreter, so what a handler leaves outside of its process is still there
in the next schedule, in which it never happened::

    schedule 1   handle(8): writes 8 into seen.txt, credits        right
    schedule 2   handle(8): finds 8 in seen.txt, does nothing      "refuted", though it is right

Files, other databases, threads, other programs and the network are neither simulated nor undone. The interpreter itself
tells of each use of them (audit events, PEP 578), however a handler came by the function. Such a use is noted, which
makes the verdict *undetermined*, and refused with `NotAllowedHere`; that a handler swallows it changes nothing.

Reading files is allowed, and so is everything that an import does (a library may make its caches); a database in memory
is the process's own memory and allowed. `held` finds what a cell has opened before the handler uses it, which no event
tells of.
"""

from __future__ import annotations

import dis
import io
import os
import sqlite3
import sys
import threading
import types
from collections.abc import Callable, Iterable, Mapping, Set
from typing import Any

from . import guards
from .memory import _parts

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_NOWHERE = frozenset({os.devnull, "/dev/stdout", "/dev/stderr", "/dev/tty"})
_IMPORTS = frozenset({"importlib._bootstrap", "importlib._bootstrap_external"})
_LONGEST = 80


def _shown(thing: Any) -> str:
    """A path or an address, as a learner would write it."""
    try:
        text = os.fsdecode(thing) if isinstance(thing, str | bytes | os.PathLike) else str(thing)
    except Exception:
        return "?"
    return repr(text if len(text) <= _LONGEST else text[:_LONGEST] + "…")


def _opened(arguments: tuple[Any, ...]) -> str | None:
    path, mode, flags = arguments
    writes = (isinstance(flags, int) and flags & _WRITING) or (isinstance(mode, str) and set(mode) & set("wax+"))
    if not writes or isinstance(path, int) or path in _NOWHERE:
        return None
    return f"a file opened for writing ({_shown(path)})"


def _database(arguments: tuple[Any, ...]) -> str | None:
    path = arguments[0]
    return None if path in guards.OWN_DATABASES else f"{guards.OTHER_DATABASE} ({_shown(path)})"


def _files(what: str) -> Callable[[tuple[Any, ...]], str]:
    return lambda arguments: f"changes of files ({what} {_shown(arguments[0])})"


def _always(what: str) -> Callable[[tuple[Any, ...]], str]:
    return lambda arguments: what


_THREAD = _always("threads")
_PROGRAM = _always("other processes")
_NETWORK = _always("the network")
_LOCKS = _always("locks on files")
_ENVIRONMENT = _always("a change of os.environ")
#: Audit event → what its arguments say that was used, or None where it does no harm.
#: Source: https://docs.python.org/3/library/audit_events.html
_EVENTS: Mapping[str, Callable[[tuple[Any, ...]], str | None]] = {
    "open": _opened,
    "sqlite3.connect": _database,
    "sqlite3.enable_load_extension": _always("SQLite extensions"),
    "sqlite3.load_extension": _always("SQLite extensions"),
    "_thread.start_new_thread": _THREAD,
    "_thread.start_joinable_thread": _THREAD,
    **dict.fromkeys(("os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.exec", "os.system"), _PROGRAM),
    **dict.fromkeys(("subprocess.Popen", "pty.spawn", "os.startfile"), _PROGRAM),
    **dict.fromkeys(("os.kill", "os.killpg"), _always("signals to processes")),
    **dict.fromkeys(("socket.__new__", "socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg"), _NETWORK),
    **dict.fromkeys(("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"), _NETWORK),
    **dict.fromkeys(("urllib.Request", "http.client.connect", "smtplib.connect", "ftplib.connect"), _NETWORK),
    **dict.fromkeys(("imaplib.open", "poplib.connect", "webbrowser.open"), _NETWORK),
    **{
        f"os.{name}": _files(f"os.{name}")
        for name in (
            *("mkdir", "rmdir", "remove", "rename", "link", "symlink", "truncate", "utime", "chmod", "chown", "lchown"),
            *("chdir", "setxattr", "removexattr", "chflags", "mkfifo", "mknod"),
        )
    },
    **{f"tempfile.{name}": _files(f"tempfile.{name}") for name in ("mkstemp", "mkdtemp")},
    **dict.fromkeys(("fcntl.flock", "fcntl.lockf", "os.lockf", "msvcrt.locking"), _LOCKS),
    **dict.fromkeys(("os.putenv", "os.unsetenv"), _ENVIRONMENT),
    "mmap.__new__": _always("memory shared with other processes (mmap)"),
}


def _on_the_way(source: guards.Source) -> set[str]:
    """The modules whose functions are under way between the learner's line and this event."""
    found: set[str] = set()
    frame: types.FrameType | None = sys._getframe(2)
    while frame is not None and not source.is_learners(frame.f_code.co_filename):
        found.add(str(frame.f_globals.get("__name__")))
        frame = frame.f_back
    return found


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    """Told by the interpreter of each audit event."""
    source = guards.source
    if source is None:
        return
    tell = _EVENTS.get(event)
    if tell is None or not (source.in_learner_code() or source.unwinds()):
        return
    what = tell(arguments)
    if what is None:
        return
    modules = _on_the_way(source)
    if modules & _IMPORTS:
        return
    if "tempfile" in modules:
        what = "temporary files"  # whose names are another each time
    if not source.unwinds():
        source.note_unsupported(what)
    raise guards.NotAllowedHere(f"not supported in this simulation: {what}")


_listening = False


def listen() -> None:
    """From now on, handlers are kept inside. There is no way back: an audit hook can't be removed."""
    global _listening
    if not _listening:
        _listening = True
        sys.addaudithook(_hear)


# -- what the learner's code looks like -------------------------------------------------------------------


def code_of(functions: Mapping[str, Any], files: frozenset[str]) -> list[types.CodeType]:
    """The code of all of the learner's functions that ``functions`` reach."""
    found: list[types.CodeType] = []
    seen: set[int] = set()
    alive: list[Any] = []
    todo = list(functions.values())
    while todo:
        thing = todo.pop()
        if id(thing) in seen or type(thing) is types.ModuleType:
            continue
        seen.add(id(thing))
        alive.append(thing)
        if isinstance(thing, types.FunctionType) and thing.__code__.co_filename in files:
            found += _with_inner(thing.__code__)
        if isinstance(thing, dict | list | tuple):
            todo += dict.values(thing) if isinstance(thing, dict) else thing
        elif isinstance(thing, staticmethod | classmethod | property):
            todo += [getattr(thing, name, None) for name in ("__func__", "fget", "fset")]
        else:
            todo += [part for _, part in _parts(thing)]
            if callable(thing) and not isinstance(thing, type):
                todo.append(getattr(thing, "__wrapped__", None))
    return found


def _with_inner(code: types.CodeType) -> list[types.CodeType]:
    inner = [
        each for constant in code.co_consts if isinstance(constant, types.CodeType) for each in _with_inner(constant)
    ]
    return [code, *inner]


def names_in(codes: Iterable[types.CodeType]) -> frozenset[str]:
    """Every name and every text that stands in code."""
    found: set[str] = set()
    for code in codes:
        found.update(code.co_names, (c for c in code.co_consts if isinstance(c, str)))
    return frozenset(found)


# -- what is remembered elsewhere --------------------------------------------------------------------------


#: Modules that extensions compiled by Cython share come into being when the first of them is imported.
_OF_COMPILERS = "_cython"
#: Where a handler's prints go is put back, and told to nobody: it may well turn them away for a while.
_STREAMS = frozenset({"stdin", "stdout", "stderr"})


class Modules:
    """The modules that learner code can name. What it leaves there is in no process's memory, and still there in the
    next schedule."""

    def __init__(self, functions: Mapping[str, Any], names: Set[str]) -> None:
        seen: dict[int, types.ModuleType] = {}
        for name in names:
            module = sys.modules.get(name)
            if isinstance(module, types.ModuleType):
                seen[id(module)] = module
        for function in functions.values():
            for value in getattr(function, "__globals__", {}).values():
                if isinstance(value, types.ModuleType):
                    seen[id(value)] = value
        self._watched = [(module, len(vars(module)), set(vars(module))) for module in seen.values()]
        self._bound = [(m, name, vars(m)[name]) for m in seen.values() for name in names & vars(m).keys()]
        self._names_modules = "modules" in names
        self._loaded = len(sys.modules)
        self._modules = set(sys.modules)

    def left(self) -> str | None:
        """What has been left in one of them since; it is taken away."""
        found = None
        for module, count, known in self._watched:
            if len(vars(module)) != count:
                for name in vars(module).keys() - known:
                    known.add(name)
                    if not isinstance(vars(module)[name], types.ModuleType) and not name.startswith("__"):
                        known.discard(name)
                        del vars(module)[name]
                        found = f"{module.__name__}.{name}"
        for module, name, value in self._bound:
            now = vars(module).get(name)
            if now is not value:
                setattr(module, name, value)
                if not (module is sys and name in _STREAMS and (now is None or isinstance(now, io.IOBase))):
                    found = f"{module.__name__}.{name}"
        if self._names_modules and len(sys.modules) != self._loaded:
            self._loaded = len(sys.modules)
            for name in sys.modules.keys() - self._modules:
                if getattr(sys.modules[name], "__spec__", None) is None and not name.startswith(_OF_COMPILERS):
                    del sys.modules[name]
                    found = f"sys.modules[{name!r}]"
                else:
                    self._modules.add(name)
        return None if found is None else f"what is kept in a module that all processes share ({found})"


# -- what the cells have opened before ---------------------------------------------------------------------


def held(
    functions: Mapping[str, Any], files: frozenset[str], others: Set[int] = frozenset()
) -> tuple[str, tuple[str, int] | None] | None:
    """What ``functions`` reach that lies outside of a process and was opened before the first delivery, and the
    learner's line that reaches it; None where there is nothing of that kind. ``others``: threads that were there before
    the cells were executed."""
    if (line := _working(files, others)) is not None:
        return "threads", line
    seen: set[int] = set()
    alive: list[Any] = []  # an id is only unique while its object lives
    todo: list[tuple[Any, tuple[str, int] | None]] = [(function, None) for function in functions.values()]
    while todo:
        thing, line = todo.pop()
        if id(thing) in seen or type(thing) is types.ModuleType:
            continue
        seen.add(id(thing))
        alive.append(thing)
        what = _outside(thing)
        if what is not None:
            return what, line
        if isinstance(thing, types.FunctionType) and thing.__code__.co_filename in files:
            todo += [(part, _line_of(thing.__code__, name)) for name, part in _parts(thing)]
        elif isinstance(thing, dict):
            todo += [(part, line) for part in dict.values(thing)]
        elif isinstance(thing, list | tuple | set | frozenset):
            todo += [(part, line) for part in thing]
        else:
            todo += [(part, line) for _, part in _parts(thing)]
    return None


def threads() -> frozenset[int]:
    """The threads that there are now."""
    return frozenset(sys._current_frames())


def _working(files: frozenset[str], others: Set[int]) -> tuple[str, int] | None:
    """A function in ``files`` that runs in a thread of its own: what it does can't be told apart by deliveries."""
    runs: list[Any] = []
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and thread.ident not in others:
            runs += [getattr(thread, "_target", None), type(thread).run]
    codes = [code for run in runs if isinstance(code := getattr(run, "__code__", None), types.CodeType)]
    for number, top in sys._current_frames().items():
        frame: types.FrameType | None = None if number == threading.get_ident() or number in others else top
        while frame is not None:
            codes.append(frame.f_code)
            frame = frame.f_back
    return next(((code.co_filename, code.co_firstlineno) for code in codes if code.co_filename in files), None)


def _line_of(code: types.CodeType, name: str) -> tuple[str, int]:
    """Where a function's code looks a name up; where it begins, if it doesn't."""
    line = code.co_firstlineno
    for instruction in dis.get_instructions(code):
        if instruction.starts_line is not None:
            line = _number(instruction)
        if instruction.argval == name and instruction.opname.startswith("LOAD_"):
            return code.co_filename, line
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType) and name in (*constant.co_names, *constant.co_freevars):
            return _line_of(constant, name)
    return code.co_filename, code.co_firstlineno


def _number(instruction: dis.Instruction) -> int:
    """The line at which an instruction starts (from Python 3.13 on, ``starts_line`` is a bool)."""
    number = getattr(instruction, "line_number", instruction.starts_line)
    return int(number or 0)


def _outside(thing: Any) -> str | None:
    """What a thing is, if it lies outside of the process that holds it."""
    kind = type(thing)
    module = str(getattr(kind, "__module__", "")).partition(".")[0]
    if isinstance(thing, sqlite3.Connection | sqlite3.Cursor):
        return _database_of(thing if isinstance(thing, sqlite3.Connection) else thing.connection)
    if module == "sqlite_utils" and isinstance(getattr(thing, "conn", None), sqlite3.Connection):
        return _database_of(thing.conn)
    if isinstance(thing, io.IOBase) and _is_on_disk(thing):
        return f"a file opened for writing ({_shown(getattr(thing, 'name', '?'))})"
    if isinstance(thing, threading.Thread | _executor()):
        return "threads"
    if module in ("subprocess", "multiprocessing", "_multiprocessing"):
        return "other processes"
    if module in ("socket", "_socket"):
        return "the network"
    if module in ("shelve", "dbm", "_gdbm", "_dbm", "tempfile"):
        return f"a file opened for writing ({module})"
    return "memory shared with other processes (mmap)" if module == "mmap" else None


def _executor() -> type:
    """`concurrent.futures.Executor`, where it is known."""
    kind: type = getattr(sys.modules.get("concurrent.futures"), "Executor", threading.Thread)
    return kind


def _is_on_disk(file: io.IOBase) -> bool:
    try:
        return file.writable() and file.fileno() > 2
    except (OSError, ValueError):
        return False


def _database_of(connection: sqlite3.Connection) -> str | None:
    try:
        places = [row[2] for row in connection.execute("PRAGMA database_list")]
    except sqlite3.Error:
        return None
    files = [place for place in places if place]
    return f"{guards.OTHER_DATABASE} ({_shown(files[0])})" if files else None
