"""Whose code it is: the modules of the user's project get memory of their own in each process, libraries are shared.

A consumer at work is imported. What its modules hold (``SEEN = set()``, a client, an object that was made once) is
what a process holds: two consumers share none of it, and a restart loses it. So each process of the simulation gets
copies of the project's functions, classes and module globals::

    shop.consumers.handle ──▶ SEEN, shop.state (a module), shop.errors.Duplicate      copied for each process
                          ──▶ sqlalchemy.select, json, pydantic.BaseModel             shared
"""

from __future__ import annotations

import abc
import builtins
import contextlib
import enum
import linecache
import os
import random
import re
import site
import sys
import sysconfig
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from functools import cached_property
from pathlib import Path
from typing import Any

from ..simulation import memory
from ..simulation.boundary import threads
from ..simulation.guards import SUBSTITUTES, guarded
from ..simulation.memory import CannotCopy, CopiedModule, Copier, Entry, belonging, fingerprint, is_users
from .mistakes import CannotCheck
from .stand_ins import LeadsOutside, StandIns

_OWN = Path(__file__).resolve().parents[1]
_PACKAGES = frozenset({"site-packages", "dist-packages"})
#: Classes that are made by one of these can be made again; what another metaclass did with a class nobody knows.
_PLAIN_METACLASSES: frozenset[type] = frozenset({type, abc.ABCMeta, type(typing.Protocol), enum.EnumMeta})
#: What a module draws or reads once, when it is imported, and another process would draw otherwise.
_DRAWS = re.compile(r"\b(uuid\d?|uuid\.uuid\d|secrets|random|urandom|token_\w+|getpid|gethostname|uname)\b[\w.]*\(")


def _library_folders() -> tuple[str, ...]:
    paths = [*sysconfig.get_paths().values(), *site.getsitepackages()]
    with contextlib.suppress(Exception):
        paths.append(site.getusersitepackages())
    scheme = sysconfig.get_paths()
    keep = {scheme["stdlib"], scheme["platstdlib"], scheme["purelib"], scheme["platlib"], *site.getsitepackages()}
    keep |= {path for path in paths if path and Path(path).name in _PACKAGES}  # a browser knows no user's folder
    keep.add(os.path.dirname(os.__file__))
    return tuple({os.path.realpath(path) + os.sep for path in keep})


class Project:
    """The modules that are the user's own.

    Those in the package of what is checked, those named in ``more``, and all that are neither Python's nor installed.
    """

    def __init__(self, functions: Iterable[Any], more: Sequence[str] = ()) -> None:
        self._functions = tuple(functions)
        packages = [str(getattr(function, "__module__", "")).partition(".")[0] for function in self._functions]
        named = {name.partition(".")[0] for name in more}
        nobodys = {"", "builtins", "functools", "redelivery", "None"}
        self._tops = (named | set(packages)) - nobodys
        self._near = (named | set(packages[:1])) - nobodys
        self._known: dict[str, bool] = {"__main__": True}
        self._libraries = _library_folders()
        self.imported_inside: dict[str, types.ModuleType] = {}
        """Modules of the user's that some function was seen to import when it ran."""

    def owns(self, module: str) -> bool:
        """Whether a module is the user's."""
        known = self._known.get(module)
        if known is None:
            known = self._known[module] = self._find_out(module)
        return known

    def _find_out(self, module: str) -> bool:
        top = module.partition(".")[0]
        if top == "redelivery":
            return False
        if top in self._tops:
            return True
        file = getattr(sys.modules.get(module), "__file__", None)
        return isinstance(file, str) and self.owns_file(file)

    def owns_file(self, file: str) -> bool:
        """Whether a file is the user's."""
        path = os.path.realpath(file)
        if path.startswith(self._libraries) or _PACKAGES & set(Path(path).parts):
            return False
        return not path.startswith(str(_OWN) + os.sep) and path.endswith(".py") and os.path.exists(path)

    def modules(self) -> list[types.ModuleType]:
        """Those of the user's modules that are imported."""
        found = [(name, module) for name, module in list(sys.modules.items()) if isinstance(module, types.ModuleType)]
        return [module for name, module in found if name != "__main__" and self.owns(name)]

    def near(self, files: Set[str]) -> list[types.ModuleType]:
        """Those of them that belong to the package of what is checked, or to one of these files."""
        return [
            module
            for module in self.modules()
            if module.__name__.partition(".")[0] in self._near or getattr(module, "__file__", None) in files
        ]

    @cached_property
    def mentioned(self) -> frozenset[str]:
        """Every name that stands in a function of the user's: what nobody mentions, nobody finds in a module."""
        names: set[str] = set()
        for function in (*self._functions, *vars(sys.modules["__main__"]).values()):
            for code in _codes([function], getattr(getattr(function, "__code__", None), "co_filename", None)):
                names |= memory._names(code)
        for module in self.modules():
            file = getattr(module, "__file__", None)
            for code in _codes(vars(module).values(), file):
                names |= memory._names(code)
        return frozenset(names)


def _codes(things: Iterable[Any], file: str | None) -> Iterator[types.CodeType]:
    for thing in list(things):
        if isinstance(thing, staticmethod | classmethod):
            thing = thing.__func__
        if isinstance(thing, property):
            yield from _codes([thing.fget, thing.fset, thing.fdel], file)
        elif isinstance(thing, types.FunctionType):
            if thing.__code__.co_filename == file:
                yield thing.__code__
            if (wrapped := getattr(thing, "__wrapped__", None)) is not None:
                yield from _codes([wrapped], file)
        elif isinstance(thing, type):
            yield from _codes([v for v in vars(thing).values() if not isinstance(v, type)], file)


class ProjectCopier(Copier):
    """Copies what is the user's; takes the world's stand-ins for clients that lead outside."""

    def __init__(self, project: Project, stand_ins: StandIns, replace: Mapping[int, Any]) -> None:
        super().__init__(replace)
        self._project = project
        self._stand_ins = stand_ins
        self._builtins: dict[str, Any] | None = None
        self.before: list[Callable[[], None]] = []
        self.after: list[Callable[[], None]] = []
        self.drawn: list[str] = []
        """Names of what was drawn when a module was imported, and is reached."""

    def _copy_once(self, thing: Any) -> Any:
        if type(thing) is types.ModuleType:
            return self.module(thing) if self._project.owns(thing.__name__) else thing
        return super()._copy_once(thing)

    def _copy(self, thing: Any, kind: type) -> Any:
        found = self._stand_ins.copy(thing, kind, self)
        if found is not None:
            return found
        if kind is typing.ForwardRef:
            return thing  # a name in an annotation, such as ClassVar["Shop"], with its compiled text
        if kind is types.FunctionType:
            owned = is_users(thing) or self._project.owns(str(thing.__globals__.get("__name__")))
            return self._function(thing) if owned else thing
        if isinstance(thing, type) and type(thing) not in _PLAIN_METACLASSES:
            return thing
        return super()._copy(thing, kind)

    # -- modules ---------------------------------------------------------------------------------------

    def imported_inside(self) -> list[Any]:
        """This process's copies of the modules that functions import when they run."""
        return [self.module(module) for _, module in sorted(self._project.imported_inside.items())]

    def module(self, module: types.ModuleType) -> types.ModuleType:
        """The copy of one of the user's modules; its functions have it for their globals."""
        known = self._memo.get(id(module))
        if known is not None:
            return known  # type: ignore[no-any-return]
        self._alive.append(module)
        new = CopiedModule(module, self.copy, lambda: self._project.mentioned)
        self._memo[id(module)] = new
        space = vars(new)
        self._spaces[id(vars(module))] = space
        for name in ("__file__", "__package__", "__path__", "__spec__", "__loader__"):
            if name in vars(module):
                space[name] = vars(module)[name]
        space["__builtins__"] = self._own_builtins()
        return new

    def _space(self, function: types.FunctionType) -> dict[str, Any]:
        space = function.__globals__
        known = self._spaces.get(id(space))
        if known is not None:
            return known
        name = str(space.get("__name__"))
        module = sys.modules.get(name)
        if module is not None and vars(module) is space:
            return vars(self.module(module))
        new = {"__builtins__": self._own_builtins(), "__name__": name, "__package__": space.get("__package__")}
        self._spaces[id(space)] = new
        self._alive.append(space)
        return new

    def _own_builtins(self) -> dict[str, Any]:
        """The builtins of a copied function: an import inside of it gives this process's copies, too."""
        if self._builtins is None:
            real = builtins.__import__

            def imported(name: str, *rest: Any, **named: Any) -> Any:
                module = real(name, *rest, **named)
                if isinstance(module, types.ModuleType) and self._project.owns(module.__name__):
                    self._project.imported_inside.setdefault(module.__name__, module)
                    if name in sys.modules:
                        self._project.imported_inside.setdefault(name, sys.modules[name])
                return self.copy(module)

            self._builtins = {**vars(builtins), "__import__": imported}
        return self._builtins

    def _global(self, function: types.FunctionType, name: str) -> Any:
        thing = function.__globals__[name]
        try:
            copied = self.copy(thing)
        except CannotCopy as error:
            if not hasattr(error, "place"):
                error.place = f"{name} in {function.__globals__.get('__name__')}"  # type: ignore[attr-defined]
            raise
        if isinstance(thing, str | bytes | int) or type(thing).__module__ == "uuid":
            self._note_drawn(function.__globals__, name)
        return copied

    def _note_drawn(self, space: Mapping[str, Any], name: str) -> None:
        module = sys.modules.get(str(space.get("__name__")))
        if module is not None and vars(module) is space and name in drawn_at_import(module):
            self.drawn.append(f"{name} in {module.__name__}")


_drawn: dict[str, frozenset[str]] = {}


def drawn_at_import(module: types.ModuleType) -> frozenset[str]:
    """Globals of a module that were drawn, or read from the machine, when it was imported."""
    import ast

    file = getattr(module, "__file__", None)
    if not isinstance(file, str):
        return frozenset()
    linecache.checkcache(file)
    source = "".join(linecache.getlines(file))
    if source not in _drawn:
        found: set[str] = set()
        with contextlib.suppress(SyntaxError, ValueError, RecursionError):
            for statement in ast.parse(source).body:
                if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is not None:
                    text = ast.get_source_segment(source, statement.value) or ""
                    if _DRAWS.search(text) and not isinstance(statement.value, ast.Lambda):
                        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
                        found |= {t.id for target in targets for t in ast.walk(target) if isinstance(t, ast.Name)}
        _drawn[source] = frozenset(found)
    return _drawn[source]


def _files_of(things: Iterable[Any]) -> set[str]:
    """The files of functions, and of classes."""
    modules = (sys.modules.get(str(getattr(thing, "__module__", ""))) for thing in things)
    return {str(getattr(module, "__file__", None)) for module in modules}


class ProjectProgram:
    """Imported functions, each process with copies of all of the user's that they reach.

    ``make`` makes the entries of one process, with what copies a thing for it.

    Raises:
        CannotCheck: they reach something that can't be copied, or that was drawn when a module was imported.
    """

    def __init__(
        self,
        project: Project,
        stand_ins: StandIns,
        make: Callable[[ProjectCopier], Mapping[str, Entry]],
        own: Iterable[Any],
        replace: Mapping[int, Any],
    ) -> None:
        """``own``: the functions as the user has them; ``replace``: what stands for a thing, by its id."""
        self.endless: set[Any] = set()
        self.known: dict[Any, Any] = {}
        self.other_threads: Set[int] = threads()
        self._project, self._stand_ins, self._make = project, stand_ins, make
        self._own = own = tuple(own)
        self._replace = {**SUBSTITUTES, **replace}
        codes = [code for thing in self._own if (code := getattr(thing, "__code__", None)) is not None]
        files = {code.co_filename for code in codes}
        files |= {m.__file__ for m in project.modules() if getattr(m, "__file__", None)}
        self._files = frozenset(files)
        self._reached = {code.co_filename for code in codes}
        self._beside = self._reached - _files_of(own[:1])
        for file in files:
            linecache.checkcache(file)  # it may have been changed and reloaded since
        with guarded(), self.in_force():
            copier = self._copier()
            self._try(copier)
        if copier.drawn:
            raise CannotCheck(
                f"{copier.drawn[0]} is drawn, or read from the machine, when the module is imported. All processes of "
                "the simulation would have the same one, where real ones have one each. Draw it inside of the "
                "function, or in the constructor of a class that you make with make="
            )

    def _try(self, copier: ProjectCopier) -> None:
        """Copy all at once, to find what can't be."""
        try:
            todo: list[Any] = list(self._make(copier).values())
            seen: set[int] = set()
            while todo:
                thing = todo.pop()
                if id(thing) not in seen:
                    seen.add(id(thing))
                    if isinstance(thing, types.FunctionType):
                        self._reached.add(thing.__code__.co_filename)
                    todo += [part for _, part in memory._parts(thing)]
            self._alive = todo
        except CannotCopy as error:
            place = getattr(error, "place", None)
            what = f"{place} holds" if place else "it reaches"
            if isinstance(error, LeadsOutside):
                raise CannotCheck(f"{what} {error}. {error.hint}") from None
            raise CannotCheck(
                f"{what} {error}, which can't be given afresh to each process, as a restart would. Make it inside of "
                "the function, hand it in with call= or make=, or say with outside= that it is another service"
            ) from None

    def _copier(self) -> ProjectCopier:
        return ProjectCopier(self._project, self._stand_ins, self._replace)

    def in_force(self) -> contextlib.AbstractContextManager[None]:
        """While the project's modules are known as the user's."""
        return belonging(self._project.owns, self._tell)

    def defaults(self) -> contextlib.AbstractContextManager[None]:
        """While the defaults of SQLAlchemy's columns come from the world."""
        if "sqlalchemy" not in sys.modules:
            return contextlib.nullcontext()
        from .alchemy import with_defaults

        with guarded(), self.in_force():
            return with_defaults(self._project.modules(), self._copier().copy)

    def _tell(self, thing: Any) -> Any:
        if type(thing) is typing.ForwardRef:
            return ("annotation", thing.__forward_arg__)
        told = self._stand_ins.tell(thing)
        if told is None and isinstance(thing, type) and type(thing) not in _PLAIN_METACLASSES:
            return ("class", id(thing))
        return told

    @property
    def files(self) -> frozenset[str]:
        return self._files

    @property
    def reached(self) -> frozenset[str]:
        """Without the file in which the check stands, which only says how the consumer is made and called."""
        inside = {str(getattr(m, "__file__", None)) for m in self._project.imported_inside.values()}
        return self._files & ((self._reached - self._beside) | inside)

    @property
    def draws(self) -> bool:
        return False

    def seeded(self, identity: int) -> random.Random | None:
        return None

    def fresh(self, identity: int = 0) -> Mapping[str, Any]:
        with guarded():
            return self._make(self._copier())

    def wrong_functions(self, signatures: Any, cell: str) -> str | None:
        return None

    def value(self, name: str) -> Any:
        return None

    def source(self, file: str) -> str:
        return "".join(linecache.getlines(file))

    def source_line(self, file: str, line: int) -> str:
        return linecache.getline(file, line).strip()

    def originals(self) -> dict[str, Any]:
        """What the project's modules themselves remember: no run may change it."""
        found: dict[str, Any] = {}
        for module in self._project.near(self.reached):
            for name, thing in list(vars(module).items()):
                if name.startswith("__") or not isinstance(thing, dict | list | set | bytearray):
                    continue
                with contextlib.suppress(Exception):
                    found[f"{name} in {module.__name__}"] = fingerprint({name: thing})
        return found
