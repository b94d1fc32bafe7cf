"""Who asks for a check in a notebook, and in which words: so that a line to be typed again works where it is printed.

ex.report("order_total", schema, add_twice, revenue)   →   ex.replay("order_total", schema, add_twice, revenue, …)
"""

from __future__ import annotations

import ast
import itertools
import linecache
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from .checkout import course_folder

_PACKAGE = __name__.partition(".")[0] + "."
_LONGEST = 60


@dataclass(frozen=True, slots=True)
class Caller:
    """How a notebook calls the exercise and the answers that it handed over."""

    exercise: str
    """What stands before ``.replay``."""
    answers: tuple[str, ...] | None
    """The words for each answer; None where one of them has none that would mean the same again."""
    course: str = ""
    """The way from where it runs to the course's folder, with a slash at its end; empty where it is not known."""


def caller_of(exercise: object, asked_for: str, answers: Sequence[Any]) -> Caller:
    """Who is calling. ``asked_for``: what has to be typed to have the exercise, where nobody has a name for it."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and str(frame.f_globals.get("__name__", "")).startswith(_PACKAGE):
        frame = frame.f_back
    if frame is None:
        return Caller(asked_for, None)
    names: Mapping[str, Any] = frame.f_globals
    given = _given(frame) if frame.f_code.co_name == "<module>" else []
    words = [
        _name_of(answer, names) or _again(text)
        for answer, text in itertools.zip_longest(answers, given[: len(answers)], fillvalue="")
    ]
    known = _name_of(exercise, names) or asked_for
    return Caller(known, tuple(words) if all(words) else None, _to_course())


def _name_of(value: object, names: Mapping[str, Any]) -> str:
    """A global name of ``value``: its own, if that leads to it, else another; empty where there is none."""
    own = getattr(value, "__name__", "")
    if isinstance(own, str) and names.get(own) is value:
        return own
    # IPython keeps results under names with underscores.
    return next((name for name, found in list(names.items()) if found is value and not name.startswith("_")), "")


def _given(frame: FrameType) -> list[str]:
    """The words of the call that ``frame`` is at: its arguments, but for the first one and for those with names."""
    places = next(itertools.islice(frame.f_code.co_positions(), frame.f_lasti // 2, None), None)
    source = "".join(linecache.getlines(frame.f_code.co_filename, frame.f_globals))
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and (node.lineno, node.end_lineno, node.col_offset, node.end_col_offset) == places
        ):
            if any(isinstance(argument, ast.Starred) for argument in node.args):
                return []
            return [ast.get_source_segment(source, argument) or "" for argument in node.args[1:]]
    return []


def _again(text: str) -> str:
    """``text`` if it means the same when it is typed again, as far as that can be told: a call such as ``make(8)``."""
    return text if "\n" not in text and len(text) <= _LONGEST and not text.isidentifier() else ""


def _to_course() -> str:
    folder = course_folder()
    try:
        here = Path.cwd().resolve()
        if folder is None or not here.is_relative_to(folder):
            return ""
        return Path(os.path.relpath(folder, here)).as_posix() + "/"
    except (OSError, ValueError):
        return ""
