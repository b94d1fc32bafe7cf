"""The function behind what a framework's decorator has made of it.

A queue's framework wraps the consumer in an object of its own (``@shared_task``, ``@actor``, ``@broker.subscriber``).
What is checked is the function, called as the framework would call it when a message comes; the framework doesn't run.
"""

from __future__ import annotations

import types
from typing import Any

_FRAMEWORKS = ("celery", "dramatiq", "faststream")


_known: dict[type, str | None] = {}


def framework_of(kind: type) -> str | None:
    """The framework whose class ``kind`` is, or is derived from.

    >>> framework_of(int) is None
    True
    """
    if kind not in _known:
        tops = {str(base.__module__).partition(".")[0] for base in kind.__mro__}
        _known[kind] = next((name for name in _FRAMEWORKS if name in tops), None)
    return _known[kind]


def function_of(thing: Any) -> Any:
    """The function that was decorated, or ``thing`` itself.

    >>> function_of(len) is len
    True
    """
    framework = None if isinstance(thing, types.FunctionType | types.MethodType | type) else framework_of(type(thing))
    if framework == "celery" and "__proxied__" not in dir(type(thing)):
        # Of a bound task (bind=True) the first argument is the task, to which `run` is bound.
        return getattr(thing, "run", thing)
    if framework == "celery":  # a promise of a task, which @shared_task makes
        return function_of(thing._get_current_object())
    if framework == "dramatiq":
        return getattr(thing, "fn", thing)
    if framework == "faststream":
        return getattr(thing, "_original_call", None) or getattr(thing, "__wrapped__", thing)
    return thing


class Decorated:
    """A decorated function in a process of the simulation: called directly, it is the process's copy of the function;
    everything else (``.delay``, ``.send``) is the framework's, which leads outside."""

    def __init__(self, function: Any, original: Any) -> None:
        self.function, self.original = function, original

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return self.function(*arguments, **named)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(vars(self)["original"], name)
