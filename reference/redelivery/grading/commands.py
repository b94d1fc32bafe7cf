"""`redelivery grade`: a folder or an archive of submissions becomes a gradebook, feedback and reports.

Exit statuses: 0 everything was judged, whatever the points; 3 something could not be used or run; 4 the grader failed
somewhere; 2 nothing was graded, and why; 130 interrupted: ``--resume`` goes on.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import secrets
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .batch import Journal, Judging
    from .judge import Entry, Limits
    from .reports.gradebook import Rule
    from .result import SubmissionResult


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    grade = commands.add_parser("grade", help="grade many submissions, none of them trusted")
    grade.add_argument(
        "submissions",
        type=Path,
        nargs="+",
        metavar="SUBMISSIONS",
        help="folders, archives (zip, tar) or notebooks; nbgrader's submitted/, Moodle's and Canvas's downloads",
    )
    grade.add_argument("--out", type=Path, required=True, metavar="DIR", help="where grades and feedback go")
    grade.add_argument("--jobs", type=int, default=0, metavar="N", help="at a time (default: one a core)")
    grade.add_argument("--timeout", type=float, default=120.0, metavar="S", help="seconds for a submission (120)")
    grade.add_argument("--attempts", choices=["latest", "best"], default="latest", help="which of several counts")
    grade.add_argument("--resume", action="store_true", help="go on after an interruption; nothing is graded twice")
    grade.add_argument("--no-sandbox", action="store_true", help="without bubblewrap; results are marked untrusted")
    grade.add_argument("--scheduler", metavar="ADDRESS", help="grade on a Dask cluster, such as tcp://host:8786")
    grade.add_argument(
        "--seed", type=int, metavar="N", help="what values that hurt are drawn from (default: another one each time)"
    )
    grade.add_argument("--json", action="store_true", help="print everything as JSON")
    grade.set_defaults(run=_grade)


def _grade(options: argparse.Namespace) -> int:
    from . import sandbox
    from .batch import Journal, judge_all
    from .cluster import NoCluster, judge_on
    from .intake import NothingThere, collect
    from .judge import Limits

    if options.timeout <= 0 or options.jobs < 0:
        return _cannot("--timeout needs a number of seconds over 0, and --jobs a number of processes")
    reason = None if options.no_sandbox or options.scheduler else sandbox.why_not()
    if reason is not None:
        return _cannot(
            f"{reason}. Without it the submissions' code is not kept away from this machine. "
            "To grade all the same, say --no-sandbox; the results are then marked as untrusted"
        )
    out: Path = options.out
    seed = _seed(options.seed, out / "seed.txt", options.resume)
    limits = Limits(options.timeout, not options.no_sandbox, seed=seed)
    journal_path = out / "results.jsonl"
    if journal_path.exists() and not options.resume:
        return _cannot(
            f"{out} holds the results of another grading. Say --resume to go on with it, or name an empty folder"
        )

    def judging(entries: Sequence[Entry]) -> Iterator[SubmissionResult]:
        if options.scheduler:
            return judge_on(options.scheduler, entries, limits)
        return judge_all(entries, limits, options.jobs or os.cpu_count() or 1)

    with tempfile.TemporaryDirectory(prefix="redelivery-grade-") as scratch:
        try:
            handed = collect(options.submissions, Path(scratch))
            out.mkdir(parents=True, exist_ok=True)
            _write(out / "seed.txt", f"{seed}\n")
            journal = Journal(journal_path, keep=options.resume)
        except NothingThere as error:
            return _cannot(str(error))
        except OSError as error:
            return _cannot(f"{out} can't be written to: {error.strerror}")
        if not options.json:
            print(f"{len(handed.entries)} submissions. {_in_force(options, limits)}", flush=True)
        with contextlib.closing(journal):
            try:
                _with_bar(handed.entries, journal, limits, judging)
            except NoCluster as error:
                return _cannot(str(error))
            except KeyboardInterrupt:
                done = len(journal.known)
                print(f"\nredelivery: stopped by you; {done} results are kept. Go on with --resume", file=sys.stderr)
                return 130
        wanted = {(entry.learner, entry.shown) for entry in handed.entries}
        results = [r for r in journal.known.values() if (r.learner, r.file) in wanted]
        return _report([*results, *handed.unusable], out, options.attempts, options.json)


def _in_force(options: argparse.Namespace, limits: Limits) -> str:
    from .sandbox import words

    isolation = f"Isolation: {', '.join(words(limits.sandbox, limits.confinement))}"
    isolation += f". Seed: {limits.seed}"
    return isolation if limits.sandbox else f"UNTRUSTED. {isolation}"


def _seed(wanted: int | None, kept: Path, resume: bool) -> int:
    """The seed that was asked for; when going on, that of the beginning; else a new one."""
    if wanted is not None:
        return wanted
    if resume:
        with contextlib.suppress(OSError, ValueError):
            return int(kept.read_text(encoding="utf-8"))
    return secrets.randbelow(1_000_000)


def _with_bar(entries: Sequence[Entry], journal: Journal, limits: Limits, judging: Judging) -> None:
    from tqdm import tqdm

    from .batch import grade

    quiet = None if sys.stderr.isatty() else True
    with tqdm(total=len(entries), unit="submission", disable=quiet, leave=False) as bar:
        grade(entries, journal, limits, judging, bar.update)


def _report(results: Sequence[SubmissionResult], out: Path, rule: Rule, as_json: bool) -> int:
    from .reports import feedback, gradescope, junit, summary
    from .reports.gradebook import counting, to_csv

    kept = counting(results, rule)
    names = feedback.file_names(result.learner for result in kept)
    data = summary.as_data(kept, rule)
    text = summary.as_text(data)
    _write(out / "grades.csv", to_csv(kept, rule))
    _write(out / "junit.xml", junit.to_junit(kept))
    _write(out / "summary.txt", text + "\n")
    for learner, name in names.items():
        own = [result for result in kept if result.learner == learner]
        _write(out / "feedback" / f"{name}.html", feedback.page(own))
        for result in own:
            file = f"{name}.{result.exercise}.json" if result.exercise and len(own) > 1 else f"{name}.json"
            content = json.dumps(gradescope.to_gradescope(result), indent=1)
            _write(out / "gradescope" / file, content + "\n")
    if as_json:
        whole = {"summary": data, "results": [result.without_times().to_json() for result in kept]}
        print(json.dumps(whole, indent=1))
    else:
        print(f"\n{text}\n\nGradebook, feedback and reports are in {out}")
    if any(result.faults for result in kept):
        return 4
    not_run = any(not result.parts or any(part.kind.value == "not run" for part in result.parts) for result in kept)
    return 3 if not_run else 0


def _write(path: Path, text: str) -> None:
    """Whole or not at all: a report that was interrupted is made again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(path.name + ".new")
    new.write_text(text, encoding="utf-8", errors="backslashreplace")
    new.replace(path)


def _cannot(why: str) -> int:
    print(f"redelivery: {why}", file=sys.stderr)
    return 2
