"""`redelivery grade`: a folder or an archive of submissions becomes a gradebook, feedback and reports.

Exit statuses: 0 everything was judged, whatever the points, also what is as it was handed out; 3 something could not be
used or run; 4 the grader failed somewhere, or a report could not be made; 2 nothing was graded, and why; 130
interrupted: ``--resume`` goes on.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import errno
import fcntl
import functools
import io
import itertools
import json
import os
import secrets
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .batch import Journal, Judging
    from .judge import Entry, Limits
    from .policy import Final, Override
    from .result import SubmissionResult
    from .roster import Joined, Person


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
    grade.add_argument(
        "--roster",
        type=Path,
        metavar="FILE",
        help="a list of the class in CSV (your own, Canvas's, Moodle's, GitHub Classroom's): adds those who handed in "
        "nothing, and joins the names that platforms give to one learner",
    )
    grade.add_argument(
        "--one-learner", default="", metavar="NAME", help="everything that is named belongs to this one learner"
    )
    grade.add_argument("--due", default="", metavar="DATE", help="such as 2026-11-29 or 2026-11-29T18:00+01:00")
    grade.add_argument(
        "--late",
        default="0% once",
        metavar="POLICY",
        help='what lateness costs: "10%% a day, at most 50%%", "20%% once"',
    )
    grade.add_argument(
        "--overrides",
        type=Path,
        metavar="FILE",
        help="points given by hand: learner,part,points,reason (default: overrides.csv in --out)",
    )
    grade.add_argument(
        "--all-or-nothing",
        action="store_true",
        help="no points for claims of which only some are right (else a wrong one takes away what a right one gives)",
    )
    grade.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="LEARNER",
        help="grade this one again; all others keep their results",
    )
    grade.add_argument(
        "--anonymous", action="store_true", help="no names in the reports; DIR/names.csv says who is who, for you alone"
    )
    grade.add_argument(
        "--assignment", default="Delivered Twice", metavar="TITLE", help="the column's title in Canvas's gradebook"
    )
    grade.add_argument("--json", action="store_true", help="print everything as JSON")
    grade.set_defaults(run=_grade)


def _grade(options: argparse.Namespace) -> int:
    from . import sandbox, scratch
    from .batch import Journal, judge_all
    from .cluster import NoCluster, judge_on
    from .intake import NothingThere, collect
    from .judge import Limits
    from .policy import BadPolicy
    from .roster import BadRoster, Joined, read_roster

    if not 0 < options.timeout < float("inf") or options.jobs < 0:
        return _cannot("--timeout needs a number of seconds over 0, and --jobs a number of processes")
    if not str(options.out).strip() or str(options.out) == ".":
        return _cannot("--out needs the name of a folder of its own, such as grades")
    reason = None if options.no_sandbox or options.scheduler else sandbox.why_not()
    if reason is not None:
        return _cannot(
            f"{reason}. Without it the submissions' code is not kept away from this machine. "
            "To grade all the same, say --no-sandbox; the results are then marked as untrusted"
        )
    out: Path = options.out
    goes_on = options.resume or bool(options.only)
    try:
        rules = _Rules(options)
        people = read_roster(options.roster) if options.roster else []
    except (BadPolicy, BadRoster) as error:
        return _cannot(str(error))
    seed = _seed(options.seed, out, goes_on)
    limits = Limits(options.timeout, not options.no_sandbox, seed=seed)
    journal_path = out / "results.jsonl"
    if journal_path.exists() and not goes_on:
        return _cannot(
            f"{out} holds the results of another grading. Say --resume to go on with it, or name an empty folder"
        )

    def judging(entries: Sequence[Entry]) -> Iterator[SubmissionResult]:
        if options.scheduler:
            return judge_on(options.scheduler, entries, limits)
        return judge_all(entries, limits, options.jobs or os.cpu_count() or 1)

    scratch.sweep()
    with scratch.folder() as place, contextlib.ExitStack() as held:
        try:
            handed = collect(options.submissions, place, options.one_learner, without=out)
            joined = Joined(handed, people) if people else None
            handed = joined.handed if joined is not None else handed
            known = {one.learner for one in handed.entries} | {one.learner for one in handed.unusable}
            unknown = [learner for learner in options.only if learner not in known]
            if unknown:
                return _cannot(f"--only {unknown[0]!r}: nobody of that name has handed in. There are: {_some(known)}")
            was_there = out.exists()
            out.mkdir(parents=True, exist_ok=True)
            if not held.enter_context(_alone_in(out)):
                return _cannot(f"another grading writes into {out}. Wait for its end, or name another folder")
            _write(out / "seed.txt", f"{seed}\n")
            journal = Journal(journal_path, keep=goes_on, limit=limits.seconds, without=options.only)
        except NothingThere as error:
            return _cannot(str(error))
        except OSError as error:
            return _cannot(f"{error.filename or out} can't be written to: {error.strerror}{_hint(error)}")
        wanted = [e for e in handed.entries if not options.only or e.learner in options.only]
        if not options.json:
            print(f"{len(handed.entries)} submissions. {_in_force(options, limits)}", flush=True)
        for name in handed.around:
            print(
                f"redelivery: {name} is taken for a folder around the learners. If it is one learner's, say "
                f"--one-learner {name!r}",
                file=sys.stderr,
            )
        with contextlib.closing(journal):
            try:
                _with_bar(wanted, journal, limits, judging)
            except NoCluster as error:
                if not journal.known:
                    _take_back(out, was_there)
                return _cannot(str(error))
            except OSError as error:
                done = len(journal.known)
                return _cannot(
                    f"{journal_path} can't be written to: {error.strerror}{_hint(error)}; {done} results are kept. "
                    "Go on with --resume"
                )
            except KeyboardInterrupt:
                done = len(journal.known)
                print(f"\nredelivery: stopped by you; {done} results are kept. Go on with --resume", file=sys.stderr)
                return 130
        results = journal.results_of(handed.entries, limits)
        try:
            rules.roster(joined)
            return rules.report([*results, *handed.unusable], out)
        except OSError as error:
            return _cannot(
                f"{error.filename or out} can't be written to: {error.strerror}{_hint(error)}; all results are kept in "
                f"{journal_path}. Make the reports with --resume"
            )


@contextlib.contextmanager
def _alone_in(out: Path) -> Iterator[bool]:
    """Whether nobody else writes into the folder, until the end of the block: two would lose each other's results."""
    descriptor = os.open(out, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        except OSError:  # there are no locks there
            yield True
        else:
            yield True
    finally:
        os.close(descriptor)


def _take_back(out: Path, was_there: bool) -> None:
    """Leave no trace of a grading that has not begun."""
    with contextlib.suppress(OSError):
        (out / "results.jsonl").unlink(missing_ok=True)
        (out / "seed.txt").unlink(missing_ok=True)
        if not was_there:
            out.rmdir()


def _hint(error: OSError) -> str:
    return ". Make room, and try again" if error.errno in (errno.ENOSPC, errno.EDQUOT) else ""


def _some(names: Iterable[str]) -> str:
    names = sorted(names)
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def _in_force(options: argparse.Namespace, limits: Limits) -> str:
    from .sandbox import words

    isolation = f"Isolation: {', '.join(words(limits.sandbox, limits.confinement))}"
    isolation += f". Seed: {limits.seed}"
    return isolation if limits.sandbox else f"UNTRUSTED. {isolation}"


def _seed(wanted: int | None, out: Path, resume: bool) -> int:
    """The seed that was asked for; when going on, that of the beginning; else a new one."""
    from .batch import whole_lines

    if wanted is not None:
        return wanted
    if resume:
        with contextlib.suppress(OSError, ValueError):
            return int((out / "seed.txt").read_text(encoding="utf-8"))
        for line in reversed(list(whole_lines(out / "results.jsonl"))):
            with contextlib.suppress(ValueError, LookupError, TypeError):
                return int(json.loads(line)["seed"])
    return secrets.randbelow(1_000_000)


def _with_bar(entries: Sequence[Entry], journal: Journal, limits: Limits, judging: Judging) -> None:
    from tqdm import tqdm

    from .batch import grade

    quiet = None if sys.stderr.isatty() else True
    with tqdm(total=len(entries), unit="submission", disable=quiet, leave=False) as bar:
        grade(entries, journal, limits, judging, bar.update)


class _Rules:
    """What the teacher has said about points, and the reports that follow from it.

    Raises:
        BadPolicy: something of it can't be read.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        from .policy import Late, due_of, read_overrides

        self._options = options
        self._due = due_of(options.due) if options.due else None
        self._late = Late.of(options.late)
        kept = options.out / "overrides.csv"
        path = options.overrides or (kept if kept.exists() else None)
        self._overrides = read_overrides(path) if path is not None else []
        self._people: dict[str, Person] = {}
        self._folders: dict[str, str] = {}
        self._strangers: list[str] = []
        self._failed: list[str] = []

    def roster(self, joined: Joined | None) -> None:
        """Who is who."""
        if joined is not None:
            self._people = {person.learner: person for person in joined.people}
            self._folders = {person.learner: name for name, person in joined.person_of.items()}
            self._strangers = sorted(joined.strangers)

    def report(self, results: Sequence[SubmissionResult], out: Path) -> int:
        """Write everything; the exit status."""
        from .policy import finals
        from .reports import exports, feedback, gradescope, junit, similarity, summary, teacher
        from .reports.gradebook import beside, counting, to_csv, to_wide_csv

        options = self._options
        kept = counting(results, options.attempts)
        marked, unused = finals(kept, self._due, self._late, self._overrides, not options.all_or_nothing)
        uploads = beside(results, kept)
        if options.anonymous:
            marked, uploads = self._without_names(marked, uploads, out)
            kept = [final.result for final in marked]
        data = summary.as_data(kept, options.attempts)
        text = summary.as_text(data)
        pairs = similarity.pairs(kept)
        _write(out / "grades.csv", to_wide_csv(marked, uploads))
        _write(out / "grades-long.csv", to_csv(kept, options.attempts))
        _write(out / "similarity.csv", similarity.to_csv(pairs))
        _write(out / "junit.xml", junit.to_junit(kept))
        _write(out / "summary.txt", text + "\n")
        self._each(out / "class.html", "", lambda: teacher.page(marked, data, pairs, uploads, self._strangers))
        self._each(out / "summary.md", "", lambda: teacher.markdown(marked))
        names = feedback.file_names(final.result.learner for final in marked)
        pages: dict[str, str] = {}
        tests = feedback.file_names(f"{names[r.learner]}{number}" for r, number in _numbered(kept))
        for learner, name in names.items():
            own = [final for final in marked if final.result.learner == learner]
            pages[learner] = self._each(
                out / "feedback" / f"{name}.html",
                learner,
                functools.partial(feedback.page, [final.result for final in own], own),
                functools.partial(feedback.sorry, learner),
            )
            self._each(
                out / "exports" / "github" / f"{name}.json",
                learner,
                functools.partial(_json, exports.github, own),
            )
        for result, number in _numbered(kept):
            self._each(
                out / "gradescope" / f"{tests[f'{names[result.learner]}{number}']}.json",
                result.learner,
                functools.partial(_json, gradescope.to_gradescope, result),
            )
        if not options.anonymous:
            _write(out / "exports" / "moodle-grades.csv", exports.moodle(marked, self._people, self._folders))
            canvas = exports.canvas(marked, self._people, self._folders, options.assignment)
            _write(out / "exports" / "canvas-grades.csv", canvas)
            zipped = exports.moodle_feedback(pages, self._folders)
            _write_bytes(out / "exports" / "moodle-feedback.zip", zipped)
        if options.json:
            whole = {"summary": data, "results": [result.without_times().to_json() for result in kept]}
            print(json.dumps(whole, indent=1))
        else:
            print(f"\n{text}\n\nGradebook, feedback and reports are in {out}")
        self._say(uploads, unused)
        if self._failed or any(result.faults for result in kept):
            return 4
        return 0 if all(result.is_judged for result in kept) else 3

    def _each(
        self, path: Path, learner: str, make: Callable[[], str], otherwise: Callable[[str], str] = lambda why: ""
    ) -> str:
        """A report that fails costs nobody else theirs."""
        try:
            text = make()
            _write(path, text)
        except Exception as error:
            if isinstance(error, OSError):
                raise
            self._failed.append(
                f"{path.name}{f' of {learner}' if learner else ''}: {type(error).__name__}: {error}"[:300]
            )
            text = otherwise(type(error).__name__)
            if text:
                _write(path, text)
        return text

    def _say(self, uploads: Mapping[tuple[str, str], Sequence[str]], unused: Sequence[Override]) -> None:
        for why in self._failed:
            print(f"redelivery: a report could not be made: {why}", file=sys.stderr)
        for one in unused:
            print(
                f"redelivery: overrides.csv: {one.learner}, {one.part}: there is no such learner with such a part",
                file=sys.stderr,
            )
        if uploads:
            several = sorted({learner for learner, _ in uploads})
            print(
                f"redelivery: several uploads for one exercise, of which the {self._options.attempts} counts "
                f"(grades.csv, column uploads): {_some(several)}",
                file=sys.stderr,
            )
        if self._strangers:
            print(f"redelivery: not in the roster: {_some(self._strangers)}", file=sys.stderr)

    def _without_names(
        self, marked: Sequence[Final], uploads: Mapping[tuple[str, str], Sequence[str]], out: Path
    ) -> tuple[list[Final], dict[tuple[str, str], list[str]]]:
        """Everybody under a number, the same in every grading into this folder."""
        from dataclasses import replace

        from .reports.gradebook import harmless
        from .roster import BadRoster, rows_of_csv

        known: dict[str, str] = {}
        with contextlib.suppress(BadRoster):
            known = {row.get("learner", ""): row.get("called", "") for row in rows_of_csv(out / "names.csv")[1]}
        known = {learner: called for learner, called in known.items() if called}
        learners = {final.result.learner for final in marked}
        known |= {learner: known[written] for learner in learners if (written := harmless(learner)) in known}
        new = [learner for learner in learners if learner not in known]
        secrets.SystemRandom().shuffle(new)
        taken = set(known.values())
        numbers = (name for n in itertools.count(1) if (name := f"learner {n:03}") not in taken)
        known |= dict(zip(new, numbers, strict=False))
        text = io.StringIO(newline="")
        rows = sorted({harmless(learner): called for learner, called in known.items()}.items())
        csv.writer(text, lineterminator="\n").writerows([("learner", "called"), *rows])
        _write(out / "names.csv", text.getvalue())
        self._strangers = [known.get(name, "?") for name in self._strangers]

        def hidden(result: SubmissionResult) -> SubmissionResult:
            problem = result.problem.removeprefix(f"{result.file}: ").replace(result.file or "\0", "the notebook")
            return replace(result, learner=known[result.learner], file="", problem=problem.replace(result.learner, "?"))

        several = {(known[learner], ex): ["another"] * len(files) for (learner, ex), files in uploads.items()}
        return [replace(final, result=hidden(final.result)) for final in marked], several


def _numbered(results: Sequence[SubmissionResult]) -> Iterator[tuple[SubmissionResult, str]]:
    """Each with what its file is called besides its learner: nothing where there is one only."""
    several = Counter(result.learner for result in results)
    seen: Counter[tuple[str, str]] = Counter()
    for result in results:
        seen[result.learner, result.exercise] += 1
        number = seen[result.learner, result.exercise]
        again = f".{number}" if number > 1 or not result.exercise else ""
        yield result, f".{result.exercise}{again}".replace("..", ".") if several[result.learner] > 1 else ""


def _json(make: Callable[[Any], Any], given: Any) -> str:
    return json.dumps(make(given), indent=1) + "\n"


def _write(path: Path, text: str) -> None:
    _write_bytes(path, text.encode("utf-8", "backslashreplace"))


def _write_bytes(path: Path, data: bytes) -> None:
    """Whole or not at all: a report that was interrupted is made again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(path.name + ".new")
    try:
        new.write_bytes(data)
    except OSError:
        with contextlib.suppress(OSError):
            new.unlink()
        raise
    new.replace(path)


def _cannot(why: str) -> int:
    print(f"redelivery: {why}", file=sys.stderr)
    return 2
