"""What learner code may not do to the interpreter that checks it, as far as one interpreter can say no.

While a search runs, learner code prints nowhere, sleeps no real time, can't end the process or fork it, and
can't wait for a keyboard. What remains open in one interpreter (``os.environ``, attributes of modules, files)
is closed only in a child process.
"""

from __future__ import annotations

import contextlib
import io
import os
import secrets
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType, SimpleNamespace
from typing import Any

import sqlite_utils.db


class NotAllowedHere(Exception):
    """Learner code called something that would end or block the checker."""


class _Silence(io.TextIOBase):
    """Prints go nowhere, or into a list of the listener's."""

    encoding = "utf-8"

    def __init__(self) -> None:
        self.listener: Callable[[str], None] | None = None

    def write(self, text: str, /) -> int:
        if self.listener is not None:
            self.listener(text)
        return len(text)

    def writable(self) -> bool:
        return True


def _refuse(name: str) -> Callable[..., Any]:
    def refused(*_: Any, **__: Any) -> Any:
        raise NotAllowedHere(f"{name} is not available inside a checked function")

    return refused


def no_sleep(seconds: float, /) -> None:
    """`time.sleep` inside a handler: the schedule decides what happens meanwhile, so no time passes."""
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")


_REPLACED: tuple[tuple[Any, str, Any], ...] = (
    (os, "_exit", _refuse("os._exit")),
    (os, "abort", _refuse("os.abort")),
    (os, "fork", _refuse("os.fork")),
    (os, "kill", _refuse("os.kill")),
    (os, "killpg", _refuse("os.killpg")),
    (time, "sleep", no_sleep),
)
#: What a function from a live notebook holds already, by identity → what its copy gets.
SUBSTITUTES: dict[int, Any] = {
    id(getattr(module, name)): new for module, name, new in _REPLACED if hasattr(module, name)
}
_ORIGINALS = [getattr(module, name, None) for module, name, _ in _REPLACED]  # keeps the ids above valid
_depth = 0
_silence = _Silence()


@contextlib.contextmanager
def guarded() -> Iterator[_Silence]:
    """Everything that learner code runs in. Nested uses are one."""
    global _depth
    if _depth:
        yield _silence
        return
    _depth += 1
    saved = [(module, name, getattr(module, name)) for module, name, _ in _REPLACED if hasattr(module, name)]
    builtins_input = __builtins__["input"] if isinstance(__builtins__, dict) else __builtins__.input
    saved_secrets = sqlite_utils.db.secrets
    try:
        for module, name, new in _REPLACED:
            if hasattr(module, name):
                setattr(module, name, new)
        _set_input(_refuse("input()"))
        # sqlite-utils names its savepoints at random; a constant keeps two runs of one schedule equal.
        sqlite_utils.db.secrets = SimpleNamespace(  # type: ignore[assignment]
            **{**vars(secrets), "token_hex": lambda nbytes=None: "0" * 2 * (nbytes or 32)}
        )
        with contextlib.redirect_stdout(_silence), contextlib.redirect_stderr(_silence):  # type: ignore[type-var]
            yield _silence
    finally:
        for module, name, old in saved:
            setattr(module, name, old)
        _set_input(builtins_input)
        sqlite_utils.db.secrets = saved_secrets
        _depth -= 1


def _set_input(function: Any) -> None:
    import builtins

    builtins.input = function


class Watchdog:
    """Calls ``tick`` at intervals of ``seconds`` on the main thread, and ``interrupted`` on Ctrl-C.

    Outside the main thread Python delivers no signals; then nothing is watched.
    """

    def __init__(
        self, seconds: float, tick: Callable[[FrameType | None], None], interrupted: Callable[[], None]
    ) -> None:
        self._seconds, self._tick, self._interrupted = seconds, tick, interrupted
        self._active = False

    def __enter__(self) -> Watchdog:
        self._active = threading.current_thread() is threading.main_thread() and hasattr(signal, "setitimer")
        if self._active:
            self._old_alarm = signal.signal(signal.SIGALRM, lambda _, frame: self._tick(frame))
            self._old_int = signal.signal(signal.SIGINT, lambda _, __: self._interrupted())
            self._old_timer = signal.setitimer(signal.ITIMER_REAL, self._seconds, self._seconds)
        return self

    def __exit__(self, *_: object) -> None:
        if self._active:
            signal.setitimer(signal.ITIMER_REAL, *self._old_timer)
            signal.signal(signal.SIGALRM, self._old_alarm)
            signal.signal(signal.SIGINT, self._old_int)
            self._active = False


def write_line(text: str) -> None:
    """Write to the real standard error, past the silence."""
    print(text, file=sys.__stderr__)
