"""Whether a learner's functions and classes have the form that they are called in."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from types import FunctionType
from typing import Any

#: What a cell has to define, with parameters; ``Class.method`` for methods.
Signatures = Sequence[tuple[str, Sequence[str]]]


def wrong_functions(functions: Mapping[str, Any], signatures: Signatures, cell: str) -> str | None:
    """What is missing or has another form, in words for the learner; None if all is there."""
    for name, parameters in signatures:
        owner, _, method = name.partition(".")
        thing = functions.get(owner)
        if method and isinstance(thing, type) and not hasattr(thing, method) and _may_get(thing, method):
            continue
        if owner not in functions or (method and not hasattr(thing, method)):
            shape = f"a method {method}" if method else f"a {'class' if owner[0].isupper() else 'function'} {name}"
            where = f"the class {owner} of the cell" if method else "the cell"
            return (
                f"expected {shape}({', '.join(parameters)}) in {where} {cell}; there is none. Define it "
                "there, under this name"
            )
        wrong = wrong_shape(getattr(thing, method) if method else thing, name, parameters)
        if wrong is not None:
            return wrong
    return None


def _may_get(owner: type, method: str) -> bool:
    """Whether a class without a method may give it to its instances when they are made."""
    if hasattr(owner, "__getattr__"):
        return True
    functions = [f for base in owner.__mro__ for f in vars(base).values() if isinstance(f, FunctionType)]
    return any({method, "setattr", "__dict__"} & {*f.__code__.co_names} for f in functions)


def wrong_shape(function: Any, name: str, parameters: Sequence[str]) -> str | None:
    """What is wrong with a function's signature, in words for the learner; None if it fits."""
    wanted = f"def {name}({', '.join(parameters)})"
    if not callable(function):
        return f"expected a function, {wanted}; {name} is of type {type(function).__name__}"
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
        kind = "an async function" if inspect.iscoroutinefunction(function) else "a generator (it uses yield)"
        return f"expected a plain function, {wanted}; {name} is {kind}, so calling it would not run it"
    try:
        found = inspect.signature(function)
    except ValueError:
        return None
    except TypeError:
        return f"expected {wanted}; the signature of {name} can't be read. Give it {len(parameters)} parameters"
    try:
        found.bind(*parameters)
    except TypeError:
        return f"expected {wanted}; found {name}{found}. Give it {len(parameters)} parameters"
    return None
