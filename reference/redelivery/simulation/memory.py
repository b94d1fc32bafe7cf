"""Fresh memory for every process: copies of what a function reaches, and fingerprints of it.

A process that is killed loses its memory, and two consumers share none. For a function handed over in a live
notebook, `Copier` copies everything of the learner's that it reaches: globals, defaults, closures, classes,
instances. What belongs to a library is shared.

`fingerprint` tells whether a process remembers anything after a delivery: equal fingerprints, equal memory.
Without it, a consumer with a module-level ``seen = set()`` would look like one that has just started, and
the search would merge the two.
"""

from __future__ import annotations

import contextlib
import contextvars
import copyreg
import dataclasses
import dis
import enum
import functools
import gc
import logging
import threading
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from .message import Message
from .sqlite_client import Connection, Cursor, Opened

_ATOMIC = frozenset({type(None), bool, int, float, complex, str, bytes, range, type(...), type(NotImplemented), slice})
_NEWOBJ: Any = vars(copyreg)["__newobj__"]
_LOCK, _RLOCK = type(threading.Lock()), type(threading.RLock())
_BUILTIN = (types.BuiltinFunctionType, types.MethodWrapperType, types.WrapperDescriptorType)
_CLASS_INTERNALS = frozenset(
    [
        *("__dict__", "__weakref__", "__doc__", "__module__", "__slots__", "__qualname__", "__orig_bases__"),
        *("__slotnames__", "_abc_impl"),  # caches of copyreg and abc
    ]
)


_MADE_WITH = ("__slots__", "__doc__", "__qualname__", "__orig_bases__")


class CannotCopy(Exception):
    """Something that a function reaches can't be given afresh to each process; ``line`` is where, if that is known."""

    line: tuple[str, int] | None = None


class TooDeep(CannotCopy):
    """It is nested so deeply that it can be neither copied nor compared."""


class Opaque(Exception):
    """Something that a process remembers can't be compared."""


#: What a fingerprint says of a library's thing, or of a class that is shared; None of what is walked through.
Tell = Callable[[Any], Any]
_projects: list[tuple[Callable[[str], bool], Tell]] = []


@contextlib.contextmanager
def belonging(owns: Callable[[str], bool], tell: Tell = lambda thing: None) -> Iterator[None]:
    """Modules for which ``owns`` is true are the user's for now, beside the notebook's; what ``tell`` says something of
    (a hashable value) has no other memory than that."""
    _projects.append((owns, tell))
    try:
        yield
    finally:
        _projects.pop()


def is_users(thing: Any) -> bool:
    """Whether a function or class was written in a notebook, or in the project that is checked; not in a library."""
    module = getattr(thing, "__module__", None)
    if module == "__main__":
        return True
    return bool(_projects) and isinstance(module, str) and _projects[-1][0](module)


class Entry:
    """What stands between the world and the user's code: it is called, calls that code, and keeps nothing itself.

    ``parts``: what of the user's it holds at the moment.
    """

    __slots__ = ("_run", "parts")

    def __init__(self, run: Callable[..., Any], parts: Callable[[], Sequence[Any]]) -> None:
        self._run, self.parts = run, parts

    def __call__(self, *arguments: Any) -> Any:
        return self._run(*arguments)


class CopiedModule(types.ModuleType):
    """One process's copy of a module of the user's. What nobody has asked for yet is copied when it is asked for."""

    def __init__(self, original: types.ModuleType, copy: Callable[[Any], Any], mentioned: Callable[[], Any]) -> None:
        super().__init__(original.__name__, original.__doc__)
        self.__dict__["__redelivery__"] = (original, copy, mentioned)

    def __getattr__(self, name: str) -> Any:
        original, copy, _ = self.__dict__["__redelivery__"]
        self.__dict__[name] = value = copy(getattr(original, name))
        return value

    def parts(self) -> list[tuple[str, Any]]:
        """What the user's code may find in it, by name."""
        original, _, mentioned = self.__dict__["__redelivery__"]
        for name in mentioned() & set(vars(original)):
            with contextlib.suppress(CannotCopy):
                getattr(self, name)
        return [(name, thing) for name, thing in sorted(vars(self).items()) if not name.startswith("__")]


def _names(code: types.CodeType) -> set[str]:
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names |= _names(constant)
    return names


@functools.lru_cache(maxsize=512)
def global_names(code: types.CodeType) -> frozenset[str] | None:
    """The names that a function may look up in its globals; None when it asks for all of them."""
    return None if _looks_up(code, {"globals", "eval", "exec", "vars"}) else frozenset(_names(code))


def _looks_up(code: types.CodeType, names: set[str]) -> bool:
    """Whether code uses one of ``names`` as a name of its own: in ``redis.eval(…)`` it is an attribute's."""
    if any(i.opname in ("LOAD_GLOBAL", "LOAD_NAME") and i.argval in names for i in dis.get_instructions(code)):
        return True
    return any(_looks_up(constant, names) for constant in code.co_consts if isinstance(constant, types.CodeType))


def _reached(function: types.FunctionType) -> list[str]:
    names = global_names(function.__code__)
    space = function.__globals__
    if names is None:
        return [name for name in space if not (name.startswith("__") and name.endswith("__"))]
    return sorted(name for name in names if name in space)


def _has_memory(cls: type) -> bool:
    """Whether a class is the learner's and may hold something that changes."""
    return is_users(cls) and not issubclass(cls, enum.Enum) and not typing.is_typeddict(cls)


def _reduce(thing: Any) -> Any:
    """What `copy` and `pickle` would make ``thing`` from."""
    reduce = copyreg.dispatch_table.get(type(thing))
    return thing.__reduce_ex__(4) if reduce is None else reduce(thing)


class Copier:
    """Copies the learner's objects, each once, keeping their connections with one another."""

    def __init__(self, replace: Mapping[int, Any] | None = None) -> None:
        self._memo: dict[int, Any] = dict(replace or {})
        self._spaces: dict[int, dict[str, Any]] = {}
        self._alive: list[Any] = []  # an id is only unique while its object lives

    def copy(self, thing: Any) -> Any:
        """A copy of ``thing``, or ``thing`` itself where it belongs to a library or can't change.

        Raises:
            CannotCopy: something that it reaches can't be copied; `TooDeep` where that is the reason.
        """
        try:
            return self._copy_once(thing)
        except RecursionError:
            raise TooDeep("something that is nested too deeply") from None

    def _copy_once(self, thing: Any) -> Any:
        kind = type(thing)
        if kind in _ATOMIC or kind is types.ModuleType:
            return thing
        if id(thing) in self._memo:
            return self._memo[id(thing)]
        if kind in _BUILTIN:
            owner = getattr(thing, "__self__", None)
            if owner is None or isinstance(owner, types.ModuleType):
                return thing
            return getattr(self.copy(owner), thing.__name__)
        self._alive.append(thing)
        copied = self._copy(thing, kind)
        self._memo[id(thing)] = copied
        return copied

    def _copy(self, thing: Any, kind: type) -> Any:
        if kind is types.FunctionType:
            return (
                self._function(thing)
                if is_users(thing) or "__main__" in str(thing.__globals__.get("__name__"))
                else thing
            )
        if isinstance(thing, type):
            return self._class(thing) if _has_memory(thing) else thing
        if isinstance(thing, enum.Enum):
            return thing
        if kind is list or kind is set or kind is dict:
            new: Any = kind()
            self._memo[id(thing)] = new
            if kind is dict:
                new.update((self.copy(key), self.copy(value)) for key, value in thing.items())
            elif kind is list:
                new.extend(map(self.copy, thing))
            else:
                new.update(map(self.copy, thing))
            return new
        if kind is tuple or kind is frozenset:
            return kind(map(self.copy, thing))
        if kind is types.MethodType:
            return types.MethodType(self.copy(thing.__func__), self.copy(thing.__self__))
        if kind is types.CellType:
            return self._cell(thing)
        if kind is property:
            return property(self.copy(thing.fget), self.copy(thing.fset), self.copy(thing.fdel), thing.__doc__)
        if kind in (staticmethod, classmethod):
            return kind(self.copy(thing.__func__))
        if kind is object:
            return object()
        if kind is _LOCK:
            return threading.Lock()
        if kind is _RLOCK:
            return threading.RLock()
        if kind is contextvars.ContextVar:
            return thing  # what it holds is in the context, and each process has its own
        if kind is threading.local:
            return threading.local()
        if isinstance(thing, functools._lru_cache_wrapper):
            return functools.lru_cache(**thing.cache_parameters())(self.copy(thing.__wrapped__))
        if kind is types.MappingProxyType:
            return types.MappingProxyType(self.copy(dict(thing)))
        if kind.__module__ == "dataclasses" and kind is not dataclasses.Field:
            return thing  # its marks, which are known by their identity
        return self._instance(thing, kind)

    def _cell(self, cell: types.CellType) -> types.CellType:
        new = types.CellType()
        self._memo[id(cell)] = new
        try:
            content = cell.cell_contents
        except ValueError:
            return new
        new.cell_contents = self.copy(content)
        return new

    def _space(self, function: types.FunctionType) -> dict[str, Any]:
        """The globals of a function's copy."""
        return self._spaces.setdefault(
            id(function.__globals__),
            {"__builtins__": function.__globals__.get("__builtins__"), "__name__": "__main__"},
        )

    def _function(self, function: types.FunctionType) -> types.FunctionType:
        space = self._space(function)
        closure = tuple(map(self.copy, function.__closure__)) if function.__closure__ else None
        new = types.FunctionType(function.__code__, space, function.__name__, None, closure)
        self._memo[id(function)] = new
        new.__qualname__, new.__module__, new.__doc__ = function.__qualname__, function.__module__, function.__doc__
        new.__annotations__ = dict(function.__annotations__)
        for name in _reached(function):
            if name not in space:
                space[name] = None  # a function may reach itself
                space[name] = self._global(function, name)
        if function.__defaults__:
            new.__defaults__ = tuple(map(self.copy, function.__defaults__))
        if function.__kwdefaults__:
            new.__kwdefaults__ = self.copy(function.__kwdefaults__)
        for name, value in function.__dict__.items():
            setattr(new, name, self.copy(value))
        return new

    def _global(self, function: types.FunctionType, name: str) -> Any:
        """The copy of what a function finds under a name."""
        return self.copy(function.__globals__[name])

    def _class(self, cls: type) -> type:
        space = {name: cls.__dict__[name] for name in _MADE_WITH if name in cls.__dict__}
        space["__module__"] = cls.__module__
        slots = cls.__dict__.get("__slots__", ())
        slots = {slots} if isinstance(slots, str) else set(slots)
        try:
            new = type(cls)(cls.__name__, tuple(map(self.copy, cls.__bases__)), space)
        except Exception as error:
            raise CannotCopy(f"the class {cls.__name__}: {error}") from None
        self._memo[id(cls)] = new
        for name, value in cls.__dict__.items():
            if name in _CLASS_INTERNALS or name in slots:
                continue
            try:
                setattr(new, name, self.copy(value))
            except (AttributeError, TypeError):
                continue  # what the metaclass made is made anew
        return new

    def _instance(self, thing: Any, kind: type) -> Any:
        if kind.__module__ in ("builtins", "types") and not _plain_reducible(kind):
            raise CannotCopy(f"a {kind.__name__}")
        try:
            reduced = _reduce(thing)
        except Exception:
            raise CannotCopy(f"an object of type {kind.__module__}.{kind.__name__}") from None
        if isinstance(reduced, str):
            return thing
        make, arguments, state, items, pairs = _unpacked(reduced)
        if make is _NEWOBJ:
            cls = self.copy(arguments[0])
            new = cls.__new__(cls, *map(self.copy, arguments[1:]))
        else:
            new = make(*map(self.copy, arguments))
        self._memo[id(thing)] = new
        if state is not None:
            _set_state(new, self.copy(state))
        for item in items or ():
            new.append(self.copy(item))
        for key, value in pairs or ():
            new[self.copy(key)] = self.copy(value)
        return new


def _content_of(thing: Any, kind: type) -> list[Any]:
    """What an instance of a learner's class holds, without asking the class."""
    content: list[Any] = []
    with contextlib.suppress(AttributeError):
        content.append(object.__getattribute__(thing, "__dict__"))
    for cls in kind.__mro__:
        slots = cls.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else tuple(slots):
            with contextlib.suppress(AttributeError):
                content.append((name, object.__getattribute__(thing, name)))
    if isinstance(thing, dict):
        content.append(dict(dict.items(thing)))
    bases: tuple[Any, ...] = (list, set, frozenset, tuple, int, float, str, bytes)
    content += [base(thing) for base in bases if isinstance(thing, base)]
    if isinstance(thing, BaseException):
        content.append(thing.args)
    if not content:
        raise Opaque(kind.__name__)
    return content


def _unpacked(reduced: tuple[Any, ...]) -> tuple[Any, Any, Any, Any, Any]:
    """What ``__reduce_ex__`` gave, at its full length."""
    padded = (*reduced, None, None, None)
    return padded[0], padded[1], padded[2], padded[3], padded[4]


def _plain_reducible(kind: type) -> bool:
    plain = (bytearray, memoryview, types.GenericAlias, types.UnionType, types.SimpleNamespace)
    return kind in plain or issubclass(kind, BaseException)


def _set_state(new: Any, state: Any) -> None:
    if hasattr(type(new), "__setstate__") and type(new).__setstate__ is not getattr(object, "__setstate__", None):
        new.__setstate__(state)
        return
    attributes, slots = state if isinstance(state, tuple) and len(state) == 2 else (state, None)
    if attributes:
        new.__dict__.update(attributes)
    for name, value in (slots or {}).items():
        object.__setattr__(new, name, value)


class _Fingerprinter:
    """Goes down by calls of Python alone: those that pass through C (``map``, a generator that ``tuple`` takes) have a
    limit of their own since Python 3.12, which nothing raises."""

    def __init__(self, above: tuple[int, ...] = ()) -> None:
        """``above``: the ids of what this is a part of."""
        self._seen: dict[int, int] = {}
        self._alive: list[Any] = []
        self._above = above
        self._under_way: list[int] = []

    def of(self, thing: Any) -> Any:
        kind = type(thing)
        if kind in _ATOMIC:
            return (kind.__name__, repr(thing)) if kind in (float, bool, complex, slice, range) else thing
        if id(thing) in self._seen:
            return ("again", self._seen[id(thing)])
        if self._above and id(thing) in self._above:
            return ("above", self._above.index(id(thing)))
        self._seen[id(thing)] = len(self._seen)
        self._alive.append(thing)
        self._under_way.append(id(thing))
        found = self._of(thing, kind)
        self._under_way.pop()
        return found

    def _of(self, thing: Any, kind: type) -> Any:
        if _projects:
            if (told := _projects[-1][1](thing)) is not None:
                return ("told", told)
            if kind is Entry:
                return ("entry", *[self.of(part) for part in thing.parts()])
            if kind is CopiedModule:
                return ("module", thing.__name__, *[(name, self.of(part)) for name, part in thing.parts()])
        # A cell that is executed again makes its enums again: they are told by name.
        if isinstance(thing, type) and issubclass(thing, enum.Enum) and is_users(thing):
            return ("enum", thing.__qualname__, tuple(thing.__members__))
        if isinstance(thing, enum.Enum) and is_users(kind):
            return ("member", kind.__qualname__, thing.name)
        if kind is Message:
            return ("message", thing.id, self.of(thing.body))
        if kind in (Connection, Cursor, Opened):
            return ("client", kind.__name__)
        if kind is types.FunctionType:
            return self._function(thing) if is_users(thing) else ("shared", id(thing))
        if isinstance(thing, type):
            if not _has_memory(thing):
                return ("shared", id(thing))
            attributes = {k: v for k, v in thing.__dict__.items() if k not in _CLASS_INTERNALS}
            bases = tuple(map(self.of, thing.__bases__))
            return ("class", thing.__qualname__, bases, tuple([(k, self.of(v)) for k, v in attributes.items()]))
        if kind is types.ModuleType or kind in _BUILTIN or isinstance(thing, enum.Enum):
            owner = getattr(thing, "__self__", None)
            if kind in _BUILTIN and owner is not None and not isinstance(owner, types.ModuleType):
                return ("bound", thing.__name__, self.of(owner))
            return ("shared", id(thing))
        if kind in (list, tuple):
            return (kind.__name__, *[self.of(one) for one in thing])
        if kind in (set, frozenset):
            return (kind.__name__, *sorted(map(self._alone, thing), key=repr))
        if kind is dict:
            return ("dict", *[(self.of(key), self.of(value)) for key, value in thing.items()])
        if kind is types.MethodType:
            return ("method", self.of(thing.__func__), self.of(thing.__self__))
        if kind is types.CellType:
            try:
                return ("cell", self.of(thing.cell_contents))
            except ValueError:
                return ("cell",)
        if kind is property:
            return ("property", self.of(thing.fget), self.of(thing.fset), self.of(thing.fdel))
        if kind in (staticmethod, classmethod):
            return (kind.__name__, self.of(thing.__func__))
        if kind is object:
            return ("mark",)
        if kind is _LOCK or kind is _RLOCK:
            return ("lock", "unlocked" not in repr(thing))
        if isinstance(thing, functools._lru_cache_wrapper):
            held = gc.get_referents(thing) if thing.cache_info().currsize else []
            own = (thing.__wrapped__, thing.__dict__)
            cache = [self._cached(each) for each in held if not (isinstance(each, type) or any(each is o for o in own))]
            return ("cached", self.of(thing.__wrapped__), *cache)
        if kind in (types.MemberDescriptorType, types.GetSetDescriptorType, types.MappingProxyType):
            return ("descriptor", getattr(thing, "__name__", ""))
        return self._instance(thing, kind)

    def _cached(self, held: Any) -> Any:
        """What a function's cache holds: results by key. A limited cache holds keys and results themselves, in the
        order of their last use, beside a dictionary of links, which can't be looked into."""
        if type(held) is dict:
            held = {key: value for key, value in held.items() if type(value).__name__ != "_lru_list_elem"}
        return self._alone(held)

    def _alone(self, thing: Any) -> Any:
        """By itself, in whatever order it comes; it may hold what it is a part of (an object in the cache of its own
        method)."""
        return _Fingerprinter((*self._above, *self._under_way)).of(thing)

    def _function(self, function: types.FunctionType) -> Any:
        space = function.__globals__
        return (
            "function",
            function.__qualname__,
            hash(function.__code__),
            self.of(function.__defaults__),
            self.of(function.__kwdefaults__),
            self.of(function.__dict__),
            self.of(function.__annotations__) if function.__annotations__ else None,
            tuple([self.of(cell) for cell in function.__closure__ or ()]),
            tuple([(name, self.of(space[name])) for name in _reached(function)]),
        )

    def _instance(self, thing: Any, kind: type) -> Any:
        if kind is contextvars.ContextVar:
            return ("variable", thing.name)
        if isinstance(thing, threading.local):
            return ("thread's own", self.of(dict(vars(thing))))
        if is_users(kind):
            return ("object", self.of(kind), *[self.of(part) for part in _content_of(thing, kind)])
        if isinstance(thing, logging.Logger):
            own = {name: value for name, value in vars(thing).items() if name not in _OF_A_LOGGER}
            return ("logger", thing.name, self.of(own))
        if kind.__module__ in ("builtins", "types") and not _plain_reducible(kind):
            raise Opaque(kind.__name__)
        try:
            reduced = _reduce(thing)
        except Exception:
            raise Opaque(kind.__name__) from None
        if isinstance(reduced, str):
            return ("shared", id(thing))
        make, arguments, state, items, pairs = _unpacked(reduced)
        return (
            "object",
            self.of(make),
            self.of(arguments),
            self.of(state),
            self.of(list(items or ())),
            self.of(list(pairs or ())),
        )


def _comparable(nested: Any) -> Any:
    """A fingerprint that is nested deeply (a long linked list), without nesting: to compare tuples within tuples within
    tuples is a recursion in C, which ends early in some versions of Python."""
    flat: list[Any] = []
    todo, deepest = [iter((nested,))], 0
    while todo:
        for part in todo[-1]:
            if type(part) is tuple:
                flat.append(_DOWN)
                todo.append(iter(part))
                deepest = max(deepest, len(todo))
                break
            flat.append(part)
        else:
            flat.append(_UP)
            todo.pop()
    return tuple(flat) if deepest > _DEEP else nested


#: Stand for the brackets.
_DOWN, _UP = object(), object()
_DEEP = 200


def fingerprint(things: Mapping[str, Any]) -> Any:
    """A hashable value that is equal for equal memories.

    Raises:
        Opaque: something reached can't be compared (a running generator, an open file).
    """
    walker = _Fingerprinter()
    try:
        return _comparable(tuple([(name, walker.of(thing)) for name, thing in sorted(things.items())]))
    except Opaque:
        raise
    except Exception as error:  # learner code may have a say in it (hash, repr)
        raise Opaque(type(error).__name__) from None


def remembered(things: Mapping[str, Any]) -> dict[str, Any]:
    """What a process could remember things in: name → fingerprint, of globals, closures, defaults and attributes."""
    found: dict[str, Any] = {}
    seen: set[int] = set()
    todo = list(things.values())
    while todo:
        thing = todo.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        parts = _parts(thing)
        for name, part in parts:
            try:
                found[name] = _comparable(_Fingerprinter().of(part))
            except Exception:
                found[name] = None
            todo.append(part)
    return found


def _parts(thing: Any) -> list[tuple[str, Any]]:
    if isinstance(thing, Entry):
        return [("", part) for part in thing.parts()]
    if isinstance(thing, CopiedModule):
        return thing.parts()
    if _projects and _projects[-1][1](thing) is not None:
        return []
    if isinstance(thing, types.MethodType):
        return [("", thing.__func__), ("", thing.__self__)]
    if isinstance(thing, types.FunctionType) and is_users(thing):
        code = thing.__code__
        names = code.co_varnames[: code.co_argcount]
        defaults = thing.__defaults__ or ()
        parts = list(zip(names[max(len(names) - len(defaults), 0) :], defaults, strict=False))
        parts += list((thing.__kwdefaults__ or {}).items()) + list(thing.__dict__.items())
        for name, cell in zip(code.co_freevars, thing.__closure__ or (), strict=False):
            with contextlib.suppress(ValueError):
                parts.append((name, cell.cell_contents))
        return parts + [(name, thing.__globals__[name]) for name in _reached(thing)]
    if isinstance(thing, functools._lru_cache_wrapper):
        return [(getattr(thing, "__name__", ""), thing.cache_info()), ("", thing.__wrapped__)]
    if isinstance(thing, type) and is_users(thing):
        bases = [("", base) for base in thing.__bases__]
        return [*bases, *((k, v) for k, v in thing.__dict__.items() if k not in _CLASS_INTERNALS)]
    if is_users(type(thing)):
        return [*getattr(thing, "__dict__", {}).items(), ("", type(thing))]
    return []


_OF_A_LOGGER = frozenset({*vars(logging.Logger("")), "parent", "manager"})
_STORES = frozenset({"STORE_GLOBAL", "DELETE_GLOBAL", "STORE_ATTR", "DELETE_ATTR"})
_STORING_NAMES = frozenset(
    {"setattr", "delattr", "__dict__", "__setattr__", "__defaults__", "globals", "vars", "exec", "eval"}
    | {"__annotations__", "__kwdefaults__", "__globals__", "__builtins__"}
)


def keeps_nothing(things: Mapping[str, Any]) -> bool:
    """Whether functions can't remember anything: they reach nothing that can change, and store no global and no
    attribute. False where a look can't tell."""
    seen: set[int] = set()
    todo = list(things.values())
    while todo:
        thing = todo.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        kind = type(thing)
        if kind in _ATOMIC or kind is types.ModuleType:
            continue
        if kind in _BUILTIN:
            if not isinstance(getattr(thing, "__self__", None), types.ModuleType | None):
                return False
        elif kind is types.FunctionType:
            if not is_users(thing):
                # A library's function may keep things (a cache, a log): not between deliveries of this course.
                continue
            if thing.__dict__ or _stores(thing.__code__):
                return False
            todo += [*(thing.__defaults__ or ()), *(thing.__kwdefaults__ or {}).values()]
            for cell in thing.__closure__ or ():
                try:
                    todo.append(cell.cell_contents)
                except ValueError:
                    return False
            todo += [thing.__globals__[name] for name in _reached(thing)]
        elif isinstance(thing, type):
            if is_users(thing):
                return False
        elif kind in (tuple, frozenset):
            todo += thing
        elif kind is Entry:
            todo += thing.parts()
        else:
            return False
    return True


def _stores(code: types.CodeType) -> bool:
    if set(code.co_names) & _STORING_NAMES or any(i.opname in _STORES for i in dis.get_instructions(code)):
        return True
    if code.co_freevars and any(
        i.opname in ("STORE_DEREF", "DELETE_DEREF") and i.argval in code.co_freevars for i in dis.get_instructions(code)
    ):
        return True
    return any(_stores(constant) for constant in code.co_consts if isinstance(constant, types.CodeType))
