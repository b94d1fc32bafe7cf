"""Other services (mail, payments): the world answers for them, and remembers what arrived.

A request is a step like a statement. It may get lost, or its answer may, and then the code sees a `ConnectionError`
and can't know which it was. What arrived stays, whatever becomes of the transaction around it.
"""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..simulation import guards
from ..simulation.operations import CallService, Refused
from .mistakes import CannotCheck


@dataclass(frozen=True, slots=True)
class Service:
    """How another service behaves.

    ``key``: the name of the argument by which it knows a request again; it carries each key out once. None: each
    request is carried out.
    ``answer``: what a call returns.
    ``error``: what a call raises whose request or answer got lost.
    ``awaited``: whether its calls are awaited. None: where it is named by where it stands, each is what stands there;
    where it is the argument of a function, none is.
    """

    key: str | None = None
    answer: Any = None
    error: type[Exception] = ConnectionError
    awaited: bool | None = None


class Sent(NamedTuple):
    """One request that arrived: the method's name (empty where the service itself was called) and its arguments."""

    method: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


class Fake:
    """Stands for another service: it, and every method of it, can be called."""

    __slots__ = ("_like", "_method", "_service", "name")

    def __init__(self, name: str, service: Service, method: str = "", like: Any = None) -> None:
        """``like``: what it stands for, if that is known."""
        self.name, self._service, self._method, self._like = name, service, method, like

    def __getattr__(self, name: str) -> Fake:
        if name.startswith("__"):
            raise AttributeError(name)
        like = inspect.getattr_static(self._like, name, None)
        return Fake(self.name, self._service, f"{self._method}.{name}" if self._method else name, like)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Ask the service, and wait for its answer."""
        awaited = self._service.awaited
        if _is_awaited(self._like) if awaited is None else awaited:
            return self._ask_later(arguments, named)
        return self._ask(arguments, named)

    async def _ask_later(self, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        return self._ask(arguments, named)

    def _ask(self, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        key = named.get(self._service.key) if self._service.key is not None else None
        try:
            content = json.dumps([self._method, arguments, named], sort_keys=True, ensure_ascii=False)
        except (TypeError, ValueError) as error:
            raise TypeError(f"what is sent to {self.name} has to be plain data (JSON): {error}") from None
        source: Any = guards.source
        if source is None or not (source.in_learner_code() or source.unwinds()):
            raise guards.NotAllowedHere(f"{self.name} can only be called by a process of the simulation")
        told = source.ask_elsewhere(CallService(self.name, None if key is None else str(key), content))
        if isinstance(told, Refused):
            if told.name == "ConnectionError":
                raise self._service.error(told.text)
            raise ValueError(told.text)
        return self._service.answer

    def __repr__(self) -> str:
        return f"<{self.name}, simulated>"


def _is_awaited(function: Any) -> bool:
    """Whether calling it gives a coroutine."""
    if isinstance(function, staticmethod | classmethod):
        function = function.__func__
    while isinstance(function, functools.partial):
        function = function.func
    return inspect.iscoroutinefunction(function)


def services_of(outside: Any) -> dict[str, Service]:
    """The services that are named, by their names.

    Raises:
        CannotCheck: it names none.
    """
    if outside is None:
        return {}
    if isinstance(outside, str):
        outside = [outside]
    if not isinstance(outside, Mapping):
        outside = dict.fromkeys(outside, Service())
    for name, service in outside.items():
        if not isinstance(name, str) or not isinstance(service, Service):
            raise CannotCheck(
                'outside= names other services: ["mail"], or {"payments": Service(key="idempotency_key")}; '
                f"{name!r}: {service!r} is neither"
            )
    return dict(outside)


def names_of(paths: Iterable[str]) -> dict[str, str]:
    """What claims call the services that stand at these paths: the last part, and more where two would be the same.

    >>> names_of(["mail", "shop.tasks.receipt.delay"])
    {'mail': 'mail', 'shop.tasks.receipt.delay': 'delay'}
    >>> list(names_of(["shop.tasks.receipt.delay", "shop.tasks.invoice.delay"]).values())
    ['receipt_delay', 'invoice_delay']
    """
    parts = {path: path.split(".") for path in paths}
    taken = dict.fromkeys(parts, 1)
    while True:
        names = {path: "_".join(parts[path][-count:]) for path, count in taken.items()}
        same = [path for path in names if list(names.values()).count(names[path]) > 1]
        longer = [path for path in same if taken[path] < len(parts[path])]
        if not longer:
            return names
        for path in longer:
            taken[path] += 1


def arrived(content: str) -> Sent:
    """A request from what the world has kept of it."""
    method, arguments, named = json.loads(content)
    return Sent(method, tuple(arguments), named)
