"""Judging one submission: everything that decides is here, and the submission's code is not."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic

from .. import __version__
from ..checking.fault import fault_of
from ..checking.handler_part import HandlerPart, with_seed
from ..checking.part import NotChecked, Part, Report
from ..checking.seed import DEFAULT_SEED
from ..display.page import film_text
from ..display.plain import plain
from ..display.svg import to_svg
from ..exercises.catalogue import EXERCISES
from ..exercises.notebook import NotUsable, Submission, failed, read_notebook
from ..exploration.verdict import Undetermined
from ..simulation.confine import Confinement
from ..simulation.memory import CannotCopy
from ..simulation.remote import CellsStalled, OutOfTime, RemoteProgram, SubmissionBroke
from .result import Kind, PartResult, SubmissionResult
from .sandbox import NoSandbox, Sandbox, SandboxLost

#: Bytes of a notebook; most of a large one are outputs, which nobody asked the learner to clear.
LARGEST = 200_000_000
#: Characters of code that are executed.
MOST_SOURCE = 1_000_000
#: Cells with something in them that are executed, and characters of a cell's name.
_MOST_CELLS, _LONGEST_NAME = 20_000, 200
#: Characters of an answer that its page shows, and of a text about it.
_MOST_SHOWN = 100_000
_MOST_PICTURE = 3_000_000
_MOST_OF_A_PROBLEM = 1_000
#: As a part says it that is made of several answers.
_COUNTED = re.compile(r"(\d+) of (\d+) are right$")
#: As exercises say it of what is as it was handed out.
_UNSOLVED = ("is not solved yet", "no schedule yet")


def shown(text: str, most: int) -> str:
    """A text from outside, fit for any page: one line, no control characters, not too long."""
    text = text[: most + 1].encode("utf-8", "backslashreplace").decode()
    text = "".join(c if c.isprintable() else "?" for c in text).strip() or "?"
    return text if len(text) <= most else text[: most - 1] + "…"


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
    """For the whole submission, as `Allowance` counts them; after that what is not judged counts as not run."""
    sandbox: bool = True
    """False: no isolation by bubblewrap; results are marked untrusted."""
    confinement: Confinement = field(default_factory=Confinement)
    """Limits for each of the submission's processes."""
    seed: int = DEFAULT_SEED
    """What values that hurt are drawn from."""


def digest(path: Path) -> str:
    """SHA-256 of a file; empty where it can't be read, or is too large to be a notebook: it may have no end."""
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            state = os.fstat(file.fileno())
            if not stat.S_ISREG(state.st_mode) or state.st_size > LARGEST:
                return ""
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def judge(
    entry: Entry, limits: Limits, progress: Callable[[str], None] | None = None, place: Sandbox | None = None
) -> SubmissionResult:
    """Judge all parts of one submission. Never raises for what a submission does; ``progress`` is told each part's name
    when it begins. ``place``: a sandbox that is there already, also from another submission; it is used if it suits.

    Raises:
        NoSandbox: ``limits`` ask for bubblewrap, and it can't be used here.
    """
    started = monotonic()
    result = SubmissionResult(
        entry.learner,
        "",
        entry.shown,
        (),
        trusted=limits.sandbox,
        version=__version__,
        attempt=entry.attempt,
        seed=limits.seed,
        limit=limits.seconds,
    )
    try:
        if not stat.S_ISREG(entry.path.lstat().st_mode):  # it was one, but who handed it in may have changed that
            return replace(result, problem=f"{entry.shown} is no ordinary file. Hand in the notebook itself")
        result = replace(result, digest=digest(entry.path))
        submission = read_notebook(entry.path, LARGEST)
    except NotUsable as error:
        problem = shown(str(error).replace(str(entry.path), entry.shown), _MOST_OF_A_PROBLEM)
        return replace(result, problem=problem, seconds=monotonic() - started)
    except MemoryError:
        problem = f"{entry.shown} is too large to be read. Clear its outputs and hand it in again"
        return replace(result, problem=problem, seconds=monotonic() - started)
    except OSError as error:
        problem = f"{entry.shown} can't be read: {error.strerror}"
        return replace(result, problem=problem, seconds=monotonic() - started)
    with _sandbox(limits, _needed(submission), place) as sandbox:
        parts: list[PartResult] = []
        for part in EXERCISES[submission.exercise]:
            if progress is not None:
                progress(part.grade_id)
            parts.append(_judge_part(submission, with_seed(part, limits.seed), sandbox, parts))
        return replace(
            result,
            exercise=submission.exercise,
            parts=tuple(parts),
            isolation=sandbox.isolation,
            seconds=monotonic() - started,
        )


def _sandbox(limits: Limits, needed: frozenset[str], place: Sandbox | None) -> AbstractContextManager[Sandbox]:
    if place is not None and place.serves(limits.sandbox, limits.confinement, needed):
        place.renew(limits.seconds)
        return nullcontext(place)
    return Sandbox(limits.sandbox, limits.confinement, limits.seconds, needed)


def _needed(submission: Submission) -> frozenset[str]:
    """The heavy packages that are going to be imported."""
    parts = EXERCISES[submission.exercise]
    found = {"redis" for part in parts if isinstance(part, HandlerPart) and any(s.uses_redis for s in part.scenarios)}
    sources = [source for _, source, _ in submission.cells]
    if any(name in source for source in sources for name in ("numpy", "pandas")):
        found.add("numpy")
    return frozenset(found)


def _judge_part(submission: Submission, part: Part, sandbox: Sandbox, before: list[PartResult]) -> PartResult:
    started = monotonic()
    answer = submission.source(part.grade_id)[:_MOST_SHOWN]
    try:
        stalled = next((p for p in before if p.details.get("stalled")), None)
        if stalled is not None:  # its cells are executed for this part, too
            return replace(stalled, part=part.grade_id, max_points=part.points, answer=answer)
        result = _result(_report(submission, part, sandbox), answer)
    except CellsStalled as error:
        result = PartResult(
            part.grade_id, Kind.NOT_RUN, 0, part.points, "error", str(error), {"stalled": True}, answer=answer
        )
    except (MemoryError, RecursionError) as error:
        what = "too large" if isinstance(error, MemoryError) else "too deeply nested"
        why = f"what the answer sends is {what} to be judged. Make it smaller"
        result = PartResult(part.grade_id, Kind.NOT_RUN, 0, part.points, "error", why, answer=answer)
    except Exception as error:
        found = fault_of(error, submission.exercise, part.grade_id)
        why = f"the grader failed: {found.report.splitlines()[-1]}. This says nothing about the answer"
        details = {"fault": found.report}
        result = PartResult(part.grade_id, Kind.FAULT, 0, part.points, "error", why, details, found.report, "", answer)
    return replace(result, seconds=monotonic() - started)


def _report(submission: Submission, part: Part, sandbox: Sandbox) -> Report:
    def not_run(why: str, line: int | None = None) -> Report:
        return Report(submission.exercise, part.grade_id, part.points, NotChecked(why, line))

    cells = submission.cells_for(part.grade_id)
    if isinstance(cells, NotChecked):
        return not_run(cells.reason)
    cells = [cell for cell in cells if cell.source.strip() or cell.name == part.grade_id]
    size = sum(len(cell.source) for cell in cells)
    if size > MOST_SOURCE:
        return not_run(f"the notebook has {size:,} characters of code, more than {MOST_SOURCE:,}. Take data out of it")
    if len(cells) > _MOST_CELLS or any(len(cell.name) > _LONGEST_NAME for cell in cells):
        return not_run(
            f"the notebook has {len(cells):,} cells with code. Expected {_MOST_CELLS:,} at most, and grade_ids of "
            f"{_LONGEST_NAME} characters at most"
        )
    program: RemoteProgram | None = None
    try:
        program = RemoteProgram(sandbox, cells)
        broken = failed(part.grade_id, program.errors)
        if broken is not None:
            return not_run(broken.reason, broken.line)
        report = part.check(submission.exercise, program)
        if isinstance(report.verdict, Undetermined) and not report.verdict.unsupported and not program.is_otherwise:
            # Something got from one call to another that should not: now each has a process of its own.
            program.apart = True
            report = part.check(submission.exercise, program)
        return report
    except OutOfTime:
        return not_run("the time for this submission was over before this part was judged")
    except CellsStalled:
        raise
    except SubmissionBroke as error:
        return not_run(str(error))
    except CannotCopy as error:
        why = f"the answer uses {error}, which can't be given afresh to each process"
        return Report(submission.exercise, part.grade_id, part.points, Undetermined(why, unsupported=True))
    finally:
        if program is not None:
            program.close()


def _result(report: Report, answer: str) -> PartResult:
    name = report.verdict.name
    kind = Kind.RIGHT if report.passed else Kind.NOT_RUN if name == "error" else Kind.WRONG
    details = report.to_json()
    if name == "error" and any(words in report.explanation for words in _UNSOLVED):
        details["unsolved"] = True
    counted = _COUNTED.search(report.title)
    if counted is not None:
        details["right"], details["of"] = int(counted[1]), int(counted[2])
    picture = film = ""
    if report.timeline is not None:
        film = film_text(report.film)
        picture = plain(to_svg(report.timeline, report.headline, report.explanation))
    return PartResult(
        report.part,
        kind,
        report.max_points if report.passed else 0,  # of several answers in one part: policy.partial_credit
        report.max_points,
        name,
        report.explanation[:_MOST_SHOWN],
        details,
        str(report)[:_MOST_SHOWN],
        picture if len(picture) <= _MOST_PICTURE else "",
        answer,
        film=film,
    )


__all__ = ["Entry", "Limits", "NoSandbox", "SandboxLost", "digest", "judge", "shown"]
