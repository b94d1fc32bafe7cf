"""The function behind what a framework's decorator has made of it.

A queue's framework wraps the consumer in an object of its own (``@shared_task``, ``@actor``, ``@broker.subscriber``).
What is checked is the function, called as the framework would call it when a message comes; the framework doesn't run.
"""

from __future__ import annotations

import types
from typing import Any


def function_of(thing: Any) -> Any:
    """The function that was decorated, or ``thing`` itself.

    >>> function_of(len) is len
    True
    """
    kind = type(thing)
    bases = {str(base.__module__).partition(".")[0] for base in kind.__mro__}
    if isinstance(thing, types.FunctionType | types.MethodType | type):
        return thing
    if "celery" in bases:
        # A bound task (bind=True) takes the task first, which is what `run` is bound to.
        run = thing.run
        return getattr(thing, "__wrapped__", run) if isinstance(run, types.FunctionType) else run
    if "dramatiq" in bases:
        return thing.fn
    if "faststream" in bases:
        return getattr(thing, "_original_call", None) or getattr(thing, "__wrapped__", thing)
    return thing
