"""Looks, every so often, at code that may never come to its end, by what this machine has for it.

- Signals: a timer of the system rings, and Python calls a function between two instructions of the main thread.
- `sys.monitoring`, where there are no timers (a browser): whatever has no end jumps back again and again, so every so
  many jumps the clock is looked at. Jumps of the checker and of the standard library are not counted. What loops within
  one instruction, in C, is not seen.
- Otherwise, and outside of the main thread, nothing is watched.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Protocol

Tick = Callable[[FrameType | None], None]
#: Taken before a handler can see what `guards` puts in their place.
real_signal, real_setitimer = signal.signal, getattr(signal, "setitimer", None)
_perf_counter = time.perf_counter
_JUMPS_A_LOOK = 200
_TRUSTED = (str(Path(__file__).resolve().parents[1]), os.path.dirname(os.path.abspath(os.__file__)))


class _Watch(Protocol):
    def start(self, seconds: float, tick: Tick, interrupted: Callable[[], None]) -> None: ...

    def stop(self) -> None: ...


class BySignals:
    """A timer of the system."""

    @staticmethod
    def is_there() -> bool:
        """Whether signals can be used here and now."""
        return real_setitimer is not None and threading.current_thread() is threading.main_thread()

    @staticmethod
    def is_busy() -> bool:
        """Whether somebody watches already."""
        return signal.getitimer(signal.ITIMER_REAL) != (0.0, 0.0)

    def start(self, seconds: float, tick: Tick, interrupted: Callable[[], None]) -> None:
        """Begin to watch."""
        assert real_setitimer is not None
        self._old_alarm = real_signal(signal.SIGALRM, lambda _, frame: tick(frame))
        self._old_int = real_signal(signal.SIGINT, lambda _, __: interrupted())
        self._old_timer = real_setitimer(signal.ITIMER_REAL, seconds, seconds)

    def stop(self) -> None:
        """Watch no more; whoever watched before goes on."""
        assert real_setitimer is not None
        real_setitimer(signal.ITIMER_REAL, *self._old_timer)
        real_signal(signal.SIGALRM, self._old_alarm)
        real_signal(signal.SIGINT, self._old_int)


class ByJumps:
    """A count of the jumps that the code makes."""

    _watching: ByJumps | None = None

    @staticmethod
    def is_there() -> bool:
        """Whether this Python can count them (3.12)."""
        return hasattr(sys, "monitoring")

    @staticmethod
    def is_busy() -> bool:
        """Whether somebody watches already."""
        return ByJumps._watching is not None

    def start(self, seconds: float, tick: Tick, interrupted: Callable[[], None]) -> None:
        """Begin to watch; whoever watched before waits."""
        self._seconds, self._tick = seconds, tick
        self._jumps, self._last = 0, _perf_counter()
        self._before, ByJumps._watching = ByJumps._watching, self
        if self._before is None:
            watch: Any = sys.monitoring  # type: ignore[attr-defined,unused-ignore]
            if watch.get_tool(watch.PROFILER_ID) is None:
                watch.use_tool_id(watch.PROFILER_ID, "redelivery")
            watch.register_callback(watch.PROFILER_ID, watch.events.JUMP, ByJumps._jumped)
            watch.set_events(watch.PROFILER_ID, watch.events.JUMP)

    def stop(self) -> None:
        """Watch no more; whoever watched before goes on."""
        ByJumps._watching = self._before
        if self._before is None:
            watch: Any = sys.monitoring  # type: ignore[attr-defined,unused-ignore]
            watch.set_events(watch.PROFILER_ID, 0)

    @staticmethod
    def _jumped(code: CodeType, *_: int) -> Any:
        if code.co_filename.startswith(_TRUSTED):
            return sys.monitoring.DISABLE  # type: ignore[attr-defined,unused-ignore]
        if ByJumps._watching is not None:
            ByJumps._watching._count(sys._getframe(1))
        return None

    def _count(self, frame: FrameType) -> None:
        self._jumps += 1
        if self._jumps < _JUMPS_A_LOOK:
            return
        self._jumps = 0
        now = _perf_counter()
        if now - self._last >= self._seconds:
            self._last = now
            self._tick(frame)


class Watchdog:
    """Calls ``tick`` at intervals of ``seconds``, with the frame that is at work, and ``interrupted`` on Ctrl-C, as far
    as this machine can. ``alone``: only where nobody watches already."""

    def __init__(self, seconds: float, tick: Tick, interrupted: Callable[[], None], alone: bool = False) -> None:
        self._given = seconds, tick, interrupted
        self._alone = alone
        self._watch: _Watch | None = None

    def __enter__(self) -> Watchdog:
        kind = next((kind for kind in (BySignals, ByJumps) if kind.is_there()), None)
        if kind is not None and not (self._alone and kind.is_busy()):
            self._watch = kind()
            self._watch.start(*self._given)
        return self

    def __exit__(self, *_: object) -> None:
        if self._watch is not None:
            self._watch.stop()
            self._watch = None
