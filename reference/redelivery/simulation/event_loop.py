"""Coroutines inside a delivery: `asyncio.run` and its relatives, with neither sockets nor threads.

All coroutines of a delivery run in its process, one at a time, in the order in which asyncio's own loop would take them
up. Where none can go on and one of them sleeps, the process sleeps: the schedule says what others do meanwhile, and the
loop's clock is at the end of the earliest sleep afterwards::

    gather(a(), b())     a: sleep 0.2 …                 … a goes on
                         b: sleep 0.1 …   … b goes on
    the process asks         Sleep            Sleep

A time-out that comes after the end of a sleep would strike or not by chance: that is not supported.
"""

from __future__ import annotations

import sys
from asyncio import base_events, events
from typing import Any, NoReturn

from . import guards

#: What `asyncio.timeout`, `wait_for` and `wait` have called when their time is over.
_TIME_OUTS = frozenset({"_on_timeout", "_release_waiter"})
_ENDLESS = "its coroutines wait for what never comes"


def _refuse(what: str) -> NoReturn:
    if guards.source is not None:
        guards.source.note_unsupported(what)
    raise guards.NotAllowedHere(f"not supported in this simulation: {what}")


class _Selector:
    """Where asyncio's loop waits until something happens: here, nothing does but the passing of time."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[Any]:
        source = guards.source
        if source is None:
            raise RuntimeError("a loop that was made inside of a handler runs only there")
        if source.unwinds():
            if timeout != 0:
                source.sleep()  # which ends it
        elif timeout is None:
            source.hang(_ENDLESS)
        elif timeout > 0:
            self._loop.wait(source)
        return []


class Loop(base_events.BaseEventLoop):
    """asyncio's loop with a clock of its own."""

    _selector: Any

    def __init__(self) -> None:
        super().__init__()
        self._passed = 0.0
        self._selector = _Selector(self)

    def time(self) -> float:
        """Seconds since the loop was made, as far as coroutines have slept."""
        return self._passed

    def wait(self, source: guards.Source) -> None:
        """Sleep until the earliest of what is scheduled."""
        due = self._scheduled[0].when()  # type: ignore[attr-defined]
        for handle in self._scheduled:  # type: ignore[attr-defined]
            late = handle.when() > due and not handle.cancelled()
            if late and getattr(handle._callback, "__name__", "") in _TIME_OUTS:
                _refuse("a time-out of asyncio while a coroutine sleeps: whether it strikes would be chance")
        source.sleep()
        self._passed = max(self._passed, due)

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        """A process that is over complains to nobody."""
        if guards.source is not None:
            super().default_exception_handler(context)

    def _process_events(self, event_list: Any) -> None:
        pass

    def _write_to_self(self) -> None:
        pass

    def __del__(self) -> None:
        """A loop that nobody has closed went with its process."""


def _refused(what: str) -> Any:
    return lambda *_, **__: _refuse(what)


for _name, _what in (
    ("run_in_executor", "threads"),
    ("subprocess_exec", "other processes"),
    ("subprocess_shell", "other processes"),
    ("add_signal_handler", "signals"),
    *((name, "the network") for name in ("add_reader", "add_writer", "create_connection", "create_server")),
    *((name, "the network") for name in ("create_datagram_endpoint", "create_unix_connection", "create_unix_server")),
    *((name, "the network") for name in dir(events.AbstractEventLoop) if name.startswith("sock_")),
):
    setattr(Loop, _name, _refused(_what))


_Base: Any = getattr(events, "BaseDefaultEventLoopPolicy", None) or vars(events)["_BaseDefaultEventLoopPolicy"]


class Policy(_Base):  # type: ignore[misc]
    """Which loop is a process's current one."""

    _loop_factory = Loop

    def remembers(self) -> tuple[Any, ...]:
        """What later deliveries to the process can notice."""
        loop = self._local._loop
        return self._local._set_called, loop is not None, loop is not None and loop.is_closed()


class _ByPlace:
    """Inside of a handler the policy of its process, elsewhere the one that was there before."""

    def __init__(self, outer: Any) -> None:
        self.outer = outer

    def __getattr__(self, name: str) -> Any:
        own = None if guards.source is None else guards.source.event_loop_policy()
        if own is not None:
            return getattr(own, name)
        return getattr(self.outer, name)


def install() -> None:
    """Until the end of what is guarded, handlers get loops of this kind."""
    if isinstance(vars(events)["_event_loop_policy"], _ByPlace):
        return
    outer = vars(events).get("_get_event_loop_policy", events.get_event_loop_policy)()
    vars(events)["_event_loop_policy"] = place = _ByPlace(outer)

    def uninstall() -> None:
        vars(events)["_event_loop_policy"] = place.outer

    guards.undo.append(uninstall)


def leave() -> tuple[Any, Any]:
    """Whoever switches to another process, or out of all of them, leaves no loop running: a thread has one running
    loop, but here processes take turns, each in the middle of its own, and a notebook's kernel is in one, too."""
    running = events._get_running_loop(), sys.get_asyncgen_hooks()
    events._set_running_loop(None)
    sys.set_asyncgen_hooks(None, None)
    return running


def back(running: tuple[Any, Any]) -> None:
    """Go on in the loop that was left."""
    events._set_running_loop(running[0])
    sys.set_asyncgen_hooks(*running[1])
