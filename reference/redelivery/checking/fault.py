"""A fault of the checker's own: reported as ours, for one part, with what to send us.

A fault says nothing about an answer, so it is never *proved* and never *refuted*; in the JSON it is an ``error`` with a
``fault``. Ctrl-C is no fault and goes through.
"""

from __future__ import annotations

import platform
import re
import sqlite3
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from .. import __version__
from ..simulation.memory import CannotCopy
from .part import CheckerFault, NotChecked, Part, Replay, Report

T = TypeVar("T", Report, Replay | Report)
_HOME = Path(__file__).resolve().parents[1]
#: Frames of a report: the innermost ones say where, those before them how it came there.
_MOST_FRAMES = 12
_PATH = re.compile(r"(?:[A-Za-z]:)?(?:[\\/][^\s\\/'\"<>]+)*[\\/](?=[^\s\\/'\"<>]+)")


def fault_of(error: BaseException, exercise: str, part: str) -> CheckerFault:
    """What to say of ``error``, which left our own code while ``part`` was judged."""
    what = f"{type(error).__name__}: {_without_paths(_text(error))}".removesuffix(": ")
    reason = (
        f"The checker itself failed ({what}). That is our mistake and says nothing about your answer. The other parts "
        "are judged as usual. Please send these lines, and your answer if you like, to those who gave you this course:"
    )
    notes = [_without_paths(str(note)) for note in getattr(error, "__notes__", ())]
    lines = [
        f"redelivery {__version__}, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, "
        f"{platform.system()}",
        f"part: {exercise} {part}",
        *notes,
        *_frames(error),
        what,
    ]
    return CheckerFault(reason, "\n".join(lines))


def checked(part: Part, exercise: str, judge: Callable[[], T]) -> T | Report:
    """What ``judge`` makes of ``part``: a report, or a replay. A fault of ours in it, or in showing it, is a report.

    Raises:
        KeyboardInterrupt: it was stopped from the keyboard.
    """
    try:
        shown = judge()
        str(shown), shown._repr_mimebundle_()  # what can't be shown is found out here
        return shown
    except CannotCopy as error:
        why = NotChecked(f"the answer uses {error}, which can't be given afresh to each process")
        return Report(exercise, part.grade_id, part.points, why)
    except Exception as error:
        found = fault_of(error, exercise, part.grade_id)
        traceback.clear_frames(error.__traceback__)  # they hold whole searches
        return Report(exercise, part.grade_id, part.points, found)


def _frames(error: BaseException) -> list[str]:
    """Where it happened, innermost last: module and line within this package, elsewhere the file's name alone."""
    found = []
    for frame, number in traceback.walk_tb(error.__traceback__):
        file = frame.f_code.co_filename
        try:
            place = Path(file).resolve().relative_to(_HOME).as_posix()
        except (ValueError, OSError):
            place = "a cell" if file.startswith("<") or "ipykernel_" in file else re.split(r"[\\/]", file)[-1]
        found.append(f"  {place}:{number} {frame.f_code.co_name}")
    return ["  …", *found[-_MOST_FRAMES:]] if len(found) > _MOST_FRAMES else found


def _text(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception:  # a learner's exception may have come through
        return "(its text can't be read)"
    text = " ".join(text.encode("utf-8", "backslashreplace").decode().split())
    return text if len(text) <= 300 else text[:300] + "…"


def _without_paths(text: str) -> str:
    """``text`` with every path cut down to its last part."""
    for known in {str(Path.home()), sys.prefix, str(_HOME)} - {"/"}:
        text = text.replace(known, "…")
    return _PATH.sub("…/", text)
