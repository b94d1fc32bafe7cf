"""Judging one submission: the interface that everything else in this folder uses."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .. import __version__
from .result import Kind, PartResult, SubmissionResult


@dataclass(frozen=True, slots=True)
class Entry:
    """A notebook that somebody handed in."""

    learner: str
    path: Path
    """The notebook's own file (of an archive: where its copy is now)."""
    shown: str
    """How messages and reports call it."""
    attempt: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one submission may take."""

    seconds: float = 120.0
    """Wall clock for the whole submission; after that what is not judged counts as not run."""
    sandbox: bool = True
    """False: no isolation by bubblewrap; results are marked untrusted."""


def judge(entry: Entry, limits: Limits, progress: Callable[[str], None] | None = None) -> SubmissionResult:
    """Judge all parts of one submission. Never raises for what a submission does; ``progress`` is told each part's name
    when it begins."""
    raise NotImplementedError


__all__ = ["Entry", "Kind", "Limits", "PartResult", "SubmissionResult", "__version__", "judge", "time"]
