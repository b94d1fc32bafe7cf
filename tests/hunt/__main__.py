"""The hunt's command line: see the package's docstring for what it does."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import queue
import select
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from .book import Book, fingerprint
from .checker import CARRIED_OUT
from .derive import PARTS, ROOT, Derived, derived
from .report import DEFECT, UNCONFIRMED, as_text, standing, summary
from .sample import choose

#: Seconds after which a process that owes an answer is taken for dead.
PATIENCE = 900.0


class Helper:
    """A process that answers lines of JSON; it is started again when it dies."""

    def __init__(self, module: str, most: int) -> None:
        self._module, self._most = module, most
        self._process: subprocess.Popen[str] | None = None
        self._asked = 0

    def ask(self, **job: Any) -> dict[str, Any] | None:
        """Its answer; None if it died over the question."""
        if self._process is None or self._asked >= self._most:
            self.close()
            command = [sys.executable, "-W", "ignore", "-m", self._module]
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT
            )
            self._asked = 0
        self._asked += 1
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(job) + "\n")
            self._process.stdin.flush()
            ready, _, _ = select.select([self._process.stdout], [], [], PATIENCE)
            answer: dict[str, Any] = json.loads(self._process.stdout.readline()) if ready else {}
            if answer:
                return answer
        except (OSError, ValueError):
            pass
        self.close()
        return None

    def close(self) -> None:
        """Let it end."""
        if self._process is not None:
            assert self._process.stdin is not None
            with contextlib.suppress(OSError):
                self._process.stdin.close()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None


class Hunter:
    """One at a time: derives, lives, judges, compares."""

    def __init__(self, book: Book, arguments: argparse.Namespace) -> None:
        self.book, self.arguments = book, arguments
        self.life = Helper("tests.hunt.life", 200)
        self.checker = Helper("tests.hunt.checker", 200)
        self.fingerprint = fingerprint()

    def hunt(self, made: Derived) -> None:
        """Everything about one answer that is not known yet."""
        book, wanted = self.book, self.arguments
        book.answer(made)
        if book.life.get(made.key) is None:
            self._live(made, wanted.sessions)
        if wanted.life_only:
            return
        verdict = book.verdicts.get((made.key, self.fingerprint))
        if verdict is None:
            verdict = self.checker.ask(part=made.part, source=made.source)
            if verdict is None:
                verdict = {"verdict": "crash", "why": "the checker's process died, or gave no answer"}
        trial = book.life[made.key]
        if verdict["verdict"] == "proved" and trial["broken"] is None and trial["sessions"] < wanted.proved_sessions:
            self._live(made, wanted.proved_sessions - trial["sessions"])
        if verdict["verdict"] in ("refuted", "stuck") and trial["broken"] is None:
            self._confirm(made, verdict)
        book.judged(made, self.fingerprint, verdict)
        how = standing(verdict, book.life[made.key])
        book.forget(made)
        if how in (DEFECT, UNCONFIRMED) or verdict["verdict"] == "crash":
            book.find(made, verdict, how.replace(", ", "-").replace(" ", "-"))
            print(f"{how}: {made.part} from {made.origin} by {', '.join(made.operators)} ({made.key})", flush=True)

    def _live(self, made: Derived, sessions: int, data: Any = None) -> dict[str, Any]:
        done = self.book.life.get(made.key, {}).get("sessions", 0)
        seed = f"{made.key} {done}{' with data' if data else ''}"
        trial = self.life.ask(
            part=made.part, source=made.source, seed=seed, sessions=sessions, seconds=self.arguments.seconds, data=data
        )
        if trial is None:
            trial = {"sessions": 0, "calls": 0, "kills": 0, "broken": None, "log": [], "seed": seed}
            trial["given_up"] = "the process died that tried it out"
        self.book.lived(made, trial, data is not None)
        return trial

    def _confirm(self, made: Derived, verdict: dict[str, Any]) -> None:
        """A counterexample that life didn't find by itself: with its data, with more runs, by carrying it out."""
        if verdict.get("data") and self._live(made, 150, verdict["data"])["broken"] is not None:
            return
        if made.part in CARRIED_OUT and verdict["verdict"] == "refuted":
            told = self.checker.ask(
                part=made.part,
                source=made.source,
                replay=[],
                scenario=verdict["scenario"],
                journal=verdict["journal"],
            )
            verdict["replayed"] = (told or {}).get("replayed", "could not be carried out")
            if verdict["replayed"] == "":
                return
        if self._live(made, self.arguments.proved_sessions)["broken"] is None and verdict.get("data"):
            self._live(made, 400, verdict["data"])

    def close(self) -> None:
        """Let the helpers end."""
        self.life.close()
        self.checker.close()


def arguments_of(words: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="make hunt", description="Hunts for answers that the checker judges wrongly.")
    parser.add_argument("--minutes", type=float, default=10, help="how long to hunt (default 10)")
    parser.add_argument("--count", type=int, default=1_000_000, help="at most so many answers")
    parser.add_argument("--seed", type=int, default=7, help="which answers, and in which order")
    parser.add_argument("--part", action="append", choices=sorted(PARTS), help="only this part; may be repeated")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="answers at a time")
    parser.add_argument("--sessions", type=int, default=60, help="sessions of each answer before the checker is asked")
    parser.add_argument("--proved-sessions", type=int, default=200, help="sessions of an answer that was proved")
    parser.add_argument("--seconds", type=float, default=60, help="for the sessions of one answer")
    parser.add_argument("--life-only", action="store_true", help="don't ask the checker: gather facts for later")
    parser.add_argument("--report", action="store_true", help="hunt nothing, print what has been found")
    parser.add_argument("--sample", action="store_true", help="hunt nothing, choose the sample for make test anew")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "hunt", help="where to keep what is found")
    return parser.parse_args(words)


def main(words: list[str]) -> int:
    """Hunt as long as told, then report. The exit status is 1 if anything was proved and is broken."""
    arguments = arguments_of(words)
    book = Book(arguments.folder)
    if arguments.sample:
        print(choose(book, arguments.seed))
        return 0
    if not arguments.report:
        if shutil.which("redis-server") is None:
            print("The hunt needs a real Redis server: sudo apt install redis-server", file=sys.stderr)
            return 2
        _hunt(book, arguments)
    found = summary(book, fingerprint())
    (arguments.folder / "report.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    text = as_text(found)
    (arguments.folder / "report.txt").write_text(text + "\n", encoding="utf-8")
    print(text)
    return 1 if found["standing"][DEFECT] or found["standing"]["crash"] else 0


def _hunt(book: Book, arguments: argparse.Namespace) -> None:
    until = time.monotonic() + 60 * arguments.minutes
    todo: queue.Queue[Derived | None] = queue.Queue(maxsize=2 * arguments.jobs)

    def work() -> None:
        hunter = Hunter(book, arguments)
        while (made := todo.get()) is not None:
            try:
                hunter.hunt(made)
            except Exception as error:
                print(f"the hunt itself failed over {made.key}: {error!r}", file=sys.stderr, flush=True)
        hunter.close()

    workers = [threading.Thread(target=work) for _ in range(arguments.jobs)]
    for worker in workers:
        worker.start()
    checker = fingerprint()
    try:
        for number, made in enumerate(derived(arguments.seed, tuple(arguments.part or PARTS))):
            if time.monotonic() > until or number >= arguments.count:
                break
            known = book.life.get(made.key) is not None
            if known and (arguments.life_only or (made.key, checker) in book.verdicts):
                continue
            todo.put(made)
    except KeyboardInterrupt:
        print("Stopping; what has been found is kept.", file=sys.stderr)
    for _ in workers:
        todo.put(None)
    for worker in workers:
        worker.join()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
