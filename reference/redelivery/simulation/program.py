"""The learner's code, and how each process gets it with fresh memory."""

from __future__ import annotations

import ast
import copy
import inspect
import linecache
import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Protocol

from . import guards
from .boundary import held, threads
from .guards import SUBSTITUTES, guarded
from .memory import CannotCopy, Copier, TooDeep
from .patience import Patience
from .shape import Signatures, wrong_functions
from .start import Start
from .watchdog import Watchdog

#: A cell that takes longer (in seconds) isn't executed again for each process, but once for each identity, and what it
#: made is copied. What a process draws when it starts follows from its identity, so both ways give the same.
_SLOW = 0.002
#: Seconds of computing after which the execution of a cell is stopped, and of waiting without computing.
_CELL_COMPUTES, _CELL_WAITS = 4.0, 20.0
#: Seconds between two looks at a cell.
_TICK = 0.25


#: One for each program whose cells are being executed to be checked.
_under_way: list[None] = []


def is_executing() -> bool:
    """Whether the cells of a program are being executed, to be checked."""
    return bool(_under_way)


class Quiet:
    """What an exercise notebook's ``ex`` is while its cells are executed to be checked: its checks and demonstrations
    are not for the submission to make."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_, **__: None


class Program(Protocol):
    """Code that defines the functions of a process."""

    endless: set[Any]
    """What its processes were seen to do without end; see `process.Host.endless`."""

    known: dict[Any, Any]
    """What they asked for, told what: a host compares its own with that of hosts before it."""

    other_threads: Set[int]
    """Threads that were there before."""

    @property
    def files(self) -> frozenset[str]:
        """The file names under which the learner's code was compiled."""

    @property
    def reached(self) -> frozenset[str]:
        """Those of them that hold code which the functions reach."""

    @property
    def draws(self) -> bool:
        """Whether what the code draws and reads when a process starts is another in another process."""

    def fresh(self, identity: int = 0) -> Mapping[str, Any]:
        """The functions by name, with memory that nobody has used, in the process with this identity; see `Start`."""

    def seeded(self, identity: int) -> random.Random | None:
        """What ``random`` draws from in a process that has just started, where the code has seeded it."""

    def wrong_functions(self, signatures: Signatures, cell: str) -> str | None:
        """What is wrong with the functions' form, in words for the learner; see `shape`."""

    def value(self, name: str) -> Any:
        """What the code left under a name, for looking at only; None where there is nothing."""

    def source(self, file: str) -> str:
        """The learner's source in one of the files."""

    def source_line(self, file: str, line: int) -> str:
        """One line of the learner's source, without its indentation; empty where it is not known."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One code cell: its source, and the name by which messages call it."""

    name: str
    source: str


@dataclass(frozen=True, slots=True)
class CellError:
    """An exception that executing a cell raised."""

    cell: str
    kind: str
    text: str
    line: int | None


class CellTakesTooLong(BaseException):
    """Raised in a cell that doesn't come to its end."""


class _CellTimer:
    """Stops a cell that runs too long, and tells Ctrl-C from a cell's own KeyboardInterrupt."""

    def __init__(self) -> None:
        self.interrupted = False

    def __enter__(self) -> _CellTimer:
        self._patience = Patience(_CELL_COMPUTES, _CELL_WAITS)
        self._watchdog = Watchdog(_TICK, self._look, self._stop, alone=True)
        self._watchdog.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._watchdog.__exit__()

    def _look(self, *_: object) -> None:
        endless = self._patience.tick(_TICK)
        if endless is not None:
            raise CellTakesTooLong(f"{endless} and was stopped")

    def _stop(self, *_: object) -> None:
        self.interrupted = True
        raise KeyboardInterrupt


class SourceProgram:
    """Code cells, executed in order for every new process.

    An exception in a cell is kept in ``errors`` and the rest goes on, as in a notebook.
    """

    def __init__(self, cells: Sequence[Cell]) -> None:
        self.endless: set[Any] = set()
        self.known: dict[Any, Any] = {}
        self._cells = tuple(cells)
        self._code = []
        self.errors: list[CellError] = []
        for cell in cells:
            file = _file(cell)
            try:
                tree = ast.parse(without_magics(cell.source), file)
                self._code.append((cell, compile(tree, file, "exec", dont_inherit=True)))
            except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
                text = getattr(error, "msg", None) or str(error) or "it is nested too deeply"
                kind = type(error).__name__ if isinstance(error, SyntaxError | ValueError) else "SyntaxError"
                self.errors.append(CellError(cell.name, kind, text, getattr(error, "lineno", None)))
        self._files = frozenset(map(_file, cells))
        self._lines = {_file(cell): cell.source.splitlines() for cell in cells}
        for cell in cells:
            file = _file(cell)
            linecache.cache[file] = (len(cell.source), None, cell.source.splitlines(keepends=True), file)
        self.other_threads: Set[int] = threads()
        started = perf_counter()
        self._seeded: dict[int, random.Random | None] = {}
        with guarded():
            self._first, self.draws = self._start(self.errors)
            if self.draws:  # or what the cells import does, once
                self._first, self.draws = self._start([])
        self._firsts = {0: self._first}
        self._slow = perf_counter() - started > _SLOW
        if self._slow and not any(error.kind == CellTakesTooLong.__name__ for error in self.errors):
            started = perf_counter()
            with guarded():
                self._start([])
            self._slow = perf_counter() - started > _SLOW

    @property
    def files(self) -> frozenset[str]:
        return self._files

    @property
    def reached(self) -> frozenset[str]:
        return self.files

    def _start(self, errors: list[CellError], identity: int = 0) -> tuple[dict[str, Any], bool]:
        """Execute the cells for the process with this identity; also whether they drew what is another in others."""
        outer, guards.starting = guards.starting, Start(identity, self._files.__contains__)
        try:
            space = self._run(errors)
            self._seeded[identity] = guards.starting.seeded()
            return space, guards.starting.drew
        finally:
            guards.starting = outer

    def seeded(self, identity: int) -> random.Random | None:
        """What ``random`` draws from in a process that has just started, where the cells have seeded it."""
        return copy.copy(self._seeded.get(identity))

    def _run(self, errors: list[CellError]) -> dict[str, Any]:
        space: dict[str, Any] = {"__name__": "__main__", "__builtins__": __builtins__}
        space["get_ipython"] = _NoShell
        _under_way.append(None)
        try:
            self._run_in(space, errors)
        finally:
            _under_way.pop()
        return space

    def _run_in(self, space: dict[str, Any], errors: list[CellError]) -> None:
        for cell, code in self._code:
            timer = _CellTimer()
            try:
                with timer:
                    exec(code, space)
            except BaseException as error:
                if timer.interrupted:
                    raise KeyboardInterrupt from None
                line = innermost_line(error, self._files)
                error.__traceback__ = None
                errors.append(CellError(cell.name, type(error).__name__, _text(error), line[1] if line else None))

    def fresh(self, identity: int = 0) -> Mapping[str, Any]:
        if not self._slow:
            return self._start([], identity)[0]
        if identity not in self._firsts:
            self._firsts[identity] = self._start([], identity)[0]
        return _Copies(self._firsts[identity], lambda: self._anew(identity))

    def _anew(self, identity: int) -> Mapping[str, Any]:
        """Something can't be copied, so the cells are executed from now on, however long they take: whether an answer
        can be judged must not depend on the speed of a machine."""
        self._slow = False
        return self.fresh(identity)

    def wrong_functions(self, signatures: Signatures, cell: str) -> str | None:
        try:
            return wrong_functions(self.fresh(), signatures, cell)
        except CannotCopy:
            if self._slow:
                raise
            return wrong_functions(self.fresh(), signatures, cell)

    def value(self, name: str) -> Any:
        return self._first.get(name)

    def source(self, file: str) -> str:
        return "\n".join(self._lines.get(file, []))

    def source_line(self, file: str, line: int) -> str:
        lines = self._lines.get(file, [])
        return lines[line - 1].strip() if 0 < line <= len(lines) else ""


class LiveProgram(SourceProgram):
    """The cells that a running notebook has executed, executed again for each process."""


#: Words without which a cell draws and reads nothing that is another in each process.
_STARTS = re.compile(r"\b(uuid\w*|random|secrets|token_\w+|urandom|time\w*|datetime|getpid|gethostname|uname|node)\b")


def live_program(functions: Mapping[str, Callable[..., Any]], cells: Sequence[Cell]) -> Program:
    """``functions`` of a running notebook that its ``cells`` have defined, as far as these are known.

    Their globals were computed when the cells were run: a worker's name that was drawn then would be that of every
    process. So where the cells draw anything, they are executed again for each; else the functions are copied.

    Raises:
        CannotCopy: the functions reach something that can't be copied.
    """
    if any(_STARTS.search(cell.source) for cell in cells):
        executed = LiveProgram(cells)
        if executed.draws and not executed.errors:
            return executed
    return FunctionProgram(functions)


class _Copies(Mapping[str, Any]):
    """Things by name, each copied when it is asked for, all with one another's copies.

    Where the first one can't be copied, all are taken from ``anew``.

    Raises:
        CannotCopy: another one can't, when some have been given away.
    """

    def __init__(self, things: Mapping[str, Any], anew: Callable[[], Mapping[str, Any]]) -> None:
        self._things = things
        self._anew = anew
        self._copier: Copier | None = Copier(SUBSTITUTES)
        self._given = False

    def __getitem__(self, name: str) -> Any:
        thing = self._things[name]
        if self._copier is None:
            return thing
        try:
            thing = self._copier.copy(thing)
        except TooDeep:
            raise
        except CannotCopy:
            things = self._anew()
            if self._given:
                raise
            self._things, self._copier = things, None
            return things[name]
        self._given = True
        return thing

    def __iter__(self) -> Iterator[str]:
        return iter(self._things)

    def __len__(self) -> int:
        return len(self._things)


class FunctionProgram:
    """Functions from a live notebook; each process gets a copy of all they reach.

    Raises:
        CannotCopy: they reach something that can't be copied.
    """

    def __init__(self, functions: Mapping[str, Callable[..., Any]]) -> None:
        self.endless: set[Any] = set()
        self.known: dict[Any, Any] = {}
        self.other_threads: Set[int] = frozenset()  # a cell that has run has a file name of its own
        self._functions = dict(functions)
        self._files = frozenset(_files_of(functions.values()))
        self.fresh()

    @property
    def files(self) -> frozenset[str]:
        return self._files

    @property
    def reached(self) -> frozenset[str]:
        return self.files

    @property
    def draws(self) -> bool:
        return False  # they are there already, whatever was drawn for them

    def seeded(self, identity: int) -> random.Random | None:
        return None

    def fresh(self, identity: int = 0) -> Mapping[str, Any]:
        copier = Copier(SUBSTITUTES)
        try:
            return {name: copier.copy(function) for name, function in self._functions.items()}
        except CannotCopy as error:
            outside = held(self._functions, self._files)
            if outside is not None:
                cause = CannotCopy(
                    f"the answer uses what this simulation does not have: {outside[0]}. Find another way"
                )
                cause.line = outside[1]
                raise cause from None
            raise CannotCopy(
                f"{', '.join(self._functions)} uses {error}, which can't be given afresh to each process. "
                "Make it inside the function, or check the notebook from the command line: redelivery check"
            ) from None

    def wrong_functions(self, signatures: Signatures, cell: str) -> str | None:
        return wrong_functions(self.fresh(), signatures, cell)

    def value(self, name: str) -> Any:
        return self._functions.get(name)

    def source(self, file: str) -> str:
        return "".join(linecache.getlines(file))

    def source_line(self, file: str, line: int) -> str:
        return linecache.getline(file, line).strip()


def _files_of(functions: Any) -> set[str]:
    """The files of functions and of all the learner's functions that they reach."""
    from .memory import _reached, is_users

    found: set[str] = set()
    seen: set[int] = set()
    todo = list(functions)
    while todo:
        thing = todo.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if inspect.ismethod(thing):
            todo += [thing.__func__, type(thing.__self__)]
        elif inspect.isclass(thing) and is_users(thing):
            todo += [v for v in vars(thing).values() if callable(v) or isinstance(v, property | staticmethod)]
        elif isinstance(thing, staticmethod | classmethod):
            todo.append(thing.__func__)
        elif inspect.isfunction(thing) and (is_users(thing) or not found):
            found.add(thing.__code__.co_filename)
            todo += [thing.__globals__[name] for name in _reached(thing)]
            for cell in thing.__closure__ or ():
                try:
                    todo.append(cell.cell_contents)
                except ValueError:
                    continue
        elif not inspect.ismodule(thing) and is_users(type(thing)):
            todo.append(type(thing))
        wrapped = getattr(thing, "__wrapped__", None) if callable(thing) else None
        if wrapped is not None:
            todo.append(wrapped)
    return found


def _file(cell: Cell) -> str:
    return f"<{cell.name}>"


def _text(error: BaseException) -> str:
    """An exception's text, fit for any page: no control characters, no halves of characters."""
    try:
        text = str(error)[:500]
    except BaseException:
        return "(its text can't be read)"
    text = text.encode("utf-8", "backslashreplace").decode()
    return "".join(c if c.isprintable() or c == " " else repr(c)[1:-1] for c in text)


def innermost_line(error: BaseException, files: frozenset[str]) -> tuple[str, int] | None:
    """Where in the learner's code an exception was raised or passed last."""
    found = None
    traceback = error.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename in files:
            found = (traceback.tb_frame.f_code.co_filename, traceback.tb_lineno)
        traceback = traceback.tb_next
    return found


_ASSIGNED_MAGIC = re.compile(r"^(\s*[\w, ]+=\s*)[%!]\w.*$")


def without_magics(source: str) -> str:
    """Notebook lines that begin with % or ! do nothing here."""
    if source.lstrip().startswith("%%"):
        return ""
    lines = source.split("\n")
    try:
        ast.parse(source)
        return source
    except (MemoryError, RecursionError):
        return source
    except (SyntaxError, ValueError):
        return "\n".join(
            line[: len(line) - len(line.lstrip())] + "pass"
            if line.lstrip().startswith(("%", "!"))
            else _ASSIGNED_MAGIC.sub(r"\1None", line)
            for line in lines
        )


class _NoShell:
    """What ``get_ipython()`` gives where there is no notebook: everything may be called, nothing happens."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_, **__: None
