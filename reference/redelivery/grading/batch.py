"""Many submissions: each in a worker of its own, none of which can stall or end the others.

::

    grade ──▶ thread 1 ──▶ worker 1 ──▶ sandbox of the submission that it judges
         ──▶ thread 2 ──▶ worker 2 ──▶ …
          ◀── results as they come, written to results.jsonl before anything else happens to them

A worker that takes longer than the submission may is ended, and the submission counts as not run. One that dies is
replaced, and the submission tried once more; if that one dies, too, the fault is the grader's.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from time import monotonic
from typing import Any

from .. import __version__
from . import scratch
from .allowance import GENEROUS
from .judge import Entry, Limits, digest
from .result import SubmissionResult

#: Seconds that a worker may take beyond the submission's own time, generously counted, to stop by itself.
_GRACE = 30.0
#: Seconds between two looks at what a worker has computed.
_LOOK = 1.0
_TICKS = os.sysconf("SC_CLK_TCK")


class Worker:
    """A process of `worker`, started when it is needed."""

    command: Sequence[str] = (sys.executable, "-m", "redelivery.grading.worker")
    grace = _GRACE

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._rest = b""

    def judge(self, entry: Entry, limits: Limits) -> SubmissionResult:
        """Judge one submission; never raises for what it or the worker does."""
        for _ in range(2):
            answer = self._ask(entry, limits)
            if answer is None:
                why = f"the time for this submission, {limits.seconds:g} s, was over; it had to be stopped from outside"
                return _without_result(entry, limits, why, fault=False)
            with contextlib.suppress(ValueError):
                return SubmissionResult.from_json(json.loads(answer))
            self.close()
        return _without_result(entry, limits, "the grader's own process died twice while it judged this", fault=True)

    def _ask(self, entry: Entry, limits: Limits) -> bytes | None:
        """The worker's answer; None if there was none in time, empty if it died."""
        if self._process is None or self._process.poll() is not None:
            self.close()
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        work = {
            "learner": entry.learner,
            "path": str(entry.path),
            "shown": entry.shown,
            "attempt": entry.attempt,
            "seconds": limits.seconds,
            "sandbox": limits.sandbox,
            "seed": limits.seed,
        }
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(work).encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            return b""
        return self._line(limits.seconds)

    def _line(self, seconds: float) -> bytes | None:
        """``seconds``: of the submission. A worker stops by itself when they are over, unless it is in the middle of
        something that nobody can interrupt: then what it has computed says so long before the clock on the wall."""
        assert self._process is not None
        assert self._process.stdout is not None
        until = monotonic() + GENEROUS * seconds + self.grace
        computed = _computed(self._process.pid)
        pieces = [self._rest]
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while b"\n" not in pieces[-1]:
                if not selector.select(max(min(until - monotonic(), _LOOK), 0)):
                    if monotonic() < until and _computed(self._process.pid) - computed < seconds + self.grace:
                        continue
                    self.close()
                    scratch.sweep()  # the simulated stores that it had open
                    return None
                piece = os.read(self._process.stdout.fileno(), 1 << 20)
                if not piece:
                    self.close()
                    return b""
                pieces.append(piece)
        line, _, self._rest = b"".join(pieces).partition(b"\n")
        return line

    def close(self) -> None:
        """End the process, and with it the sandbox that it has opened."""
        process, self._process, self._rest = self._process, None, b""
        if process is None:
            return
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()


def _computed(process: int) -> float:
    """Seconds that a process has computed; 0 where this machine doesn't say. Source: proc_pid_stat(5), utime and stime,
    the 12th and 13th after the name."""
    try:
        with open(f"/proc/{process}/stat", "rb") as file:
            used = file.read().rpartition(b")")[2].split()[11:13]
        return sum(map(int, used)) / _TICKS
    except (OSError, ValueError):
        return 0.0


def _without_result(entry: Entry, limits: Limits, why: str, fault: bool) -> SubmissionResult:
    return SubmissionResult(
        entry.learner,
        "",
        entry.shown,
        (),
        problem=f"{entry.shown}: {why}",
        fault=fault,
        trusted=limits.sandbox,
        version=__version__,
        attempt=entry.attempt,
        digest=digest(entry.path),
        seed=limits.seed,
        limit=limits.seconds,
    )


def judge_all(entries: Sequence[Entry], limits: Limits, jobs: int) -> Iterator[SubmissionResult]:
    """Judge submissions in ``jobs`` workers; results in the order in which they are ready."""
    with _Workers() as workers:
        pool = ThreadPoolExecutor(max(1, min(jobs, len(entries))))
        try:
            waiting: set[Future[SubmissionResult]] = {pool.submit(workers.judge, entry, limits) for entry in entries}
            while waiting:
                ready, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in ready:
                    yield future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            workers.close()


class _Workers:
    """One worker for each thread."""

    def __init__(self) -> None:
        self._mine = threading.local()
        self._all: list[Worker] = []

    def __enter__(self) -> _Workers:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def mine(self) -> Worker:
        worker: Worker | None = getattr(self._mine, "worker", None)
        if worker is None:
            worker = self._mine.worker = Worker()
            self._all.append(worker)
        return worker

    def judge(self, entry: Entry, limits: Limits) -> SubmissionResult:
        return self.mine().judge(entry, limits)

    def close(self) -> None:
        for worker in self._all:
            worker.close()


# -- what is known already -----------------------------------------------------------------------------------


def identity(result: SubmissionResult) -> tuple[str, ...]:
    """What makes a result that of one submission, judged by one version under one isolation with the same values."""
    return (result.learner, result.file, result.digest, result.version, str(result.trusted), str(result.seed))


def expected(entry: Entry, limits: Limits) -> tuple[str, ...]:
    """The `identity` that the result of ``entry`` is going to have."""
    return (entry.learner, entry.shown, digest(entry.path), __version__, str(limits.sandbox), str(limits.seed))


class Journal:
    """``results.jsonl``: every result as soon as there is one, on disk before the next."""

    def __init__(self, path: Path, keep: bool, limit: float = 0.0, without: Sequence[str] = ()) -> None:
        """``limit``: seconds for a submission. What was cut off by another is not taken for known, nor what belongs
        to these learners (``without``)."""
        self.path = path
        self._limit = limit
        self.known: dict[tuple[str, ...], SubmissionResult] = {}
        whole = list(whole_lines(path)) if keep else []
        for line in whole:
            with contextlib.suppress(ValueError):
                result = SubmissionResult.from_json(json.loads(line))
                if (
                    result.learner not in without
                    and not result.faults
                    and not (result.out_of_time and result.limit != self._limit)
                ):
                    self.known[identity(result)] = result
        # What is kept is written beside it first: a full disk loses nothing.
        new = path.with_name(path.name + ".new")
        with new.open("wb") as self._file:
            for result in self.known.values():
                self._write(result)
        new.replace(path)
        self._file = path.open("ab")

    def add(self, result: SubmissionResult) -> None:
        """Keep a result, once."""
        if identity(result) not in self.known:
            self._write(result)
            self.known[identity(result)] = result

    def results_of(self, entries: Sequence[Entry], limits: Limits) -> list[SubmissionResult]:
        """For each file the result of what stands in it now, where there is one; else the last."""
        by_file: dict[tuple[str, str], list[SubmissionResult]] = defaultdict(list)
        for result in self.known.values():
            by_file[result.learner, result.file].append(result)
        found = []
        for entry in entries:
            several = by_file.get((entry.learner, entry.shown), [])
            if several:
                found.append(self.known.get(expected(entry, limits), several[-1]))
        return found

    def _write(self, result: SubmissionResult) -> None:
        self._file.write(json.dumps(result.to_json()).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def whole_lines(path: Path) -> Iterable[bytes]:
    """The lines of a file; the last one may have been torn by an interruption."""
    try:
        data = path.read_bytes()
    except OSError:
        return []
    return [line for line in data.split(b"\n")[:-1] if line]


Judging = Callable[[Sequence[Entry]], Iterator[SubmissionResult]]


def _in_turns(entries: Sequence[Entry]) -> list[Entry]:
    """One of each learner's, then another of each: nobody waits for all that somebody else has handed in."""
    before: Counter[str] = Counter()
    turns = []
    for entry in entries:
        turns.append((before[entry.learner], entry))
        before[entry.learner] += 1
    return [entry for _, entry in sorted(turns, key=lambda turn: turn[0])]


def grade(
    entries: Sequence[Entry], journal: Journal, limits: Limits, judging: Judging, done: Callable[[], Any]
) -> None:
    """Judge what the journal does not know yet; ``done`` is called after each."""
    waiting = []
    for entry in entries:
        if expected(entry, limits) in journal.known:
            done()
        else:
            waiting.append(entry)
    for result in judging(_in_turns(waiting)):
        journal.add(result)
        done()
