"""A bar beside everything that takes over a second: in a notebook below the cell, on a terminal on standard error.

How long a search takes nobody knows beforehand, so the bar counts the states searched. It goes away afterwards. Where
notebooks are run for their outputs (by nbval, nbconvert, nbclient) there is none: only JupyterLab's kernels have the
environment variable ``JPY_SESSION_NAME``.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from html import escape
from time import monotonic
from typing import Any

#: Seconds before a bar appears, and between two looks at it.
_FIRST, _AGAIN = 1.0, 0.3


@contextlib.contextmanager
def bar(name: str, quiet: bool = False) -> Iterator[Callable[[int], None]]:
    """What to tell the number of states to, as often as one likes; ``quiet``: nothing is shown on a terminal."""
    shown = _in_notebook() or (_on_terminal() if not quiet else None) or _Nowhere()
    now = monotonic()
    due, begun, before, last = now + _FIRST, now, 0, 0

    def told(states: int) -> None:
        nonlocal due, before, last
        if states < last:  # the next scenario
            before += last
        last = states
        if monotonic() >= due:
            due = monotonic() + _AGAIN
            # Told from inside a search, in which prints go nowhere and clocks are the world's.
            shown.show(f"{name}: {before + states:,} states searched, {monotonic() - begun:.0f} s")

    try:
        yield told
    finally:
        shown.close()


class _Nowhere:
    def show(self, words: str) -> None:
        """Nobody is there to see it."""

    def close(self) -> None:
        """There is nothing to take away."""


class _Notebook:
    def __init__(self, display: Any, html: Any) -> None:
        self._display, self._html = display, html
        self._handle: Any = None

    def show(self, words: str) -> None:
        text = escape(words)
        bar_html = self._html(f'<progress aria-label="{text}" style="width:16em"></progress> <span>{text}</span>')
        if self._handle is None:
            self._handle = self._display(bar_html, display_id=True)
        else:
            self._handle.update(bar_html)

    def close(self) -> None:
        if self._handle is not None:
            self._handle.update(self._html(""))


class _Terminal:
    def __init__(self) -> None:
        from tqdm import tqdm

        self._stream = sys.stderr  # as it is now: within a search it leads nowhere
        self._bar: Any = None
        self._make: Any = lambda: tqdm(bar_format="{desc}", leave=False, file=self._stream)

    def show(self, words: str) -> None:
        if self._bar is None:
            self._bar = self._make()
        self._bar.set_description_str(words, refresh=True)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()


def _in_notebook() -> _Notebook | None:
    shell = sys.modules.get("IPython")
    if not os.environ.get("JPY_SESSION_NAME") or shell is None or shell.get_ipython() is None:
        return None
    from IPython.display import HTML, display

    return _Notebook(display, HTML)


def _on_terminal() -> _Terminal | None:
    return _Terminal() if sys.stderr.isatty() and not sys.modules.get("ipykernel") else None
