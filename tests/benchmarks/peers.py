"""The checker beside another tool, both measured in this run on this machine.

    make bench-peers

The question: message 8 is delivered to two consumers, the handler checks, credits and marks on a real SQLite file.
How soon is the race found, and what is said of the handler that does it in one transaction? A third handler claims
first and credits afterwards: no race, but a crash in between loses the payment.

Their side is in `peers_frontrun.py`, run by an interpreter that has frontrun (scripts/bench-peers makes it). All its
modes that can express the handler are measured, and each is given what its documentation advises. Times are medians;
starting an interpreter, importing, and one run to warm up don't count, on either side. Nothing here fails.
"""

from __future__ import annotations

import json
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from redelivery.exercises.record_and_check import BROKEN, ONE
from redelivery.exploration.full import search_all
from redelivery.exploration.search import Search
from redelivery.exploration.verdict import Proved, Refuted, Verdict
from redelivery.simulation.choices import FAULTS
from redelivery.simulation.program import Cell, SourceProgram
from redelivery.simulation.world import Bounds
from tests.answers import Answer, answers

ROOT = Path(__file__).parents[2]
PEERS = Path(__file__).with_name("peers_frontrun.py")
MOST_SECONDS = 240
#: What the others explore: a second delivery, and nothing else that may go wrong.
SECOND_DELIVERY = Bounds(faults=1, crashes=0, lost_acks=0, lock_timeouts=0)
TITLES = ("", "first bug", "schedules/s", "right handler", "crash points", "redelivery")
MODES = {
    "random-async": "random, async, sqlite3 with an await before each statement",
    "random-threads": "random, threads, the handler as it is",
    "dpor-async": "DPOR, async, aiosqlite",
    "dpor-threads": "DPOR, threads, the handler as it is",
    "dpor-processes": "DPOR, processes (reuse_workers), the handler as it is",
}


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    who: str
    first_bug: str
    rate: str
    right: str
    crash: str
    redelivery: str

    @property
    def cells(self) -> tuple[str, ...]:
        return (self.who, self.first_bug, self.rate, self.right, self.crash, self.redelivery)


# -- ours ---------------------------------------------------------------------------------------------------


def _answer(kind: str, name: str) -> SourceProgram:
    found: Answer = next(answer for answer in answers(kind) if answer.name == name)
    return found.program()


def _timed(program: SourceProgram, bounds: Bounds = ONE.bounds, times: int = 15) -> tuple[Verdict, float, float]:
    """The verdict, milliseconds with all that belongs to a search (a database made, filled and closed), and without."""
    taken, exploring = [], []
    for number in range(times + 1):
        started = time.perf_counter()
        search = Search(program, ONE, "wal", bounds)
        verdict = search.run()
        if number:
            taken.append((time.perf_counter() - started) * 1000)
            exploring.append(search.seconds_exploring * 1000)
    return verdict, statistics.median(taken), statistics.median(exploring)


def ours() -> list[Row]:
    """At the bounds of the exercise; at those of the others, a second delivery and nothing else; and with nothing
    remembered."""
    race, right = _answer("mutants", "lecture_three_statements"), _answer("variants", "begin_immediate_check")
    gap = SourceProgram([Cell("gap", BROKEN)])
    name = f"redelivery {version('redelivery')}"
    rows = []
    for who, bounds in (
        (f"{name}, search, {ONE.bounds.faults} faults a run of {len(FAULTS)} kinds", ONE.bounds),
        (f"{name}, search, one redelivery a run", SECOND_DELIVERY),
    ):
        found, first, exploring = _timed(race, bounds)
        proved, whole, _ = _timed(right, bounds)
        lost, crash, _ = _timed(gap, bounds)
        assert isinstance(found, Refuted) and isinstance(proved, Proved)
        rows.append(
            Row(
                who,
                f"{first:.1f} ms ({exploring:.1f} from an open database)",
                f"{proved.schedules / whole * 1000:,.0f} covered",
                f"proved ({proved.schedules:,} schedules, {whole:.0f} ms)",
                f"explored: found in {crash:.1f} ms" if isinstance(lost, Refuted) else "left out of these bounds",
                "explored",
            )
        )
    begun = time.perf_counter()
    earliest = search_all(race, ONE, "wal", SECOND_DELIVERY, most_schedules=1500, stop_at_first=True)
    begun = time.perf_counter() - begun
    full = search_all(race, ONE, "wal", Bounds(faults=1), most_schedules=3000)
    held = search_all(right, ONE, "wal", SECOND_DELIVERY, most_schedules=20_000)
    kept = "proved" if held.complete and not held.broken else "unfinished"
    rows.append(
        Row(
            f"{name}, every schedule run, one redelivery a run",
            f"{begun * 1000:.1f} ms" if earliest.broken else "not found",
            f"{full.schedules / full.seconds:,.0f} run",
            f"{kept} ({held.schedules:,} schedules, {held.seconds * 1000:,.0f} ms)",
            "left out of these bounds",
            "explored",
        )
    )
    return rows


# -- theirs -------------------------------------------------------------------------------------------------


def theirs(python: Path, mode: str) -> tuple[Row, list[str]]:
    """One mode of frontrun, and what it said where it could not judge."""
    command = [str(python), str(PEERS), mode]
    if not mode.endswith("processes"):  # for those its documentation asks for its command-line wrapper
        command.insert(0, str(python.with_name("frontrun")))
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as folder:
        output, errors = _run([*command, folder])
    lines = [line for line in output.splitlines() if line.startswith("{")]
    name = f"frontrun, {MODES[mode]}"
    if not lines:
        last = errors.strip().splitlines()[-1:] or ["it printed nothing"]
        return Row(name, "cannot", "–", "cannot", "–", "–"), [f"{name}: {last[0]}"]
    answer = json.loads(lines[-1])
    none = {"holds": None, "why": f"no answer within {MOST_SECONDS} seconds", "schedules": 0, "seconds": 0.0}
    race, right, gap = (answer.get(handler, none) for handler in ("race", "right", "gap"))
    rated = right if mode.startswith("random") else race  # a random search of the race ends with the first bug
    first = "not found" if answer["first_ms"] is None else f"{answer['first_ms']:.1f} ms"
    if not answer["found"].startswith(answer["found"].split()[-1]):
        first += f" (found in {answer['found']})"
    row = Row(
        name,
        first,
        f"{rated['schedules'] / rated['seconds']:,.0f} run" if rated["seconds"] else "–",
        _judgement(mode, right),
        "found" if gap["holds"] is False else "not explored: missed" if gap["holds"] else "cannot",
        "by hand: a second worker",
    )
    notes = [
        f"{name}: {handler}: {' '.join(str(judged['why']).split())[:300]}"
        for handler, judged in (("race", race), ("right", right), ("gap", gap))
        if judged["holds"] is None
    ]
    return row, notes


def _judgement(mode: str, right: dict[str, Any]) -> str:
    if right["holds"] is None:
        return "cannot (see below)"
    if not right["holds"]:
        return "false alarm"
    word = "sampled ok" if mode.startswith("random") else "proved" if right["exhausted"] else "unfinished"
    count = right["schedules"]
    return f"{word} ({count:,} schedule{'' if count == 1 else 's'}, {right['seconds'] * 1000:,.0f} ms)"


def _run(command: Sequence[str]) -> tuple[str, str]:
    """What a command printed, also if it had to be stopped."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=MOST_SECONDS)
        return done.stdout, done.stderr
    except subprocess.TimeoutExpired as late:
        return _text(late.stdout), _text(late.stderr)


def _text(output: bytes | str | None) -> str:
    return output.decode(errors="replace") if isinstance(output, bytes) else output or ""


def main() -> None:
    """Measure and print the table."""
    python = Path(sys.argv[1]).absolute() if len(sys.argv) > 1 else None
    print(f"Python {sys.version.split()[0]}, SQLite {sqlite3.sqlite_version}, {os.cpu_count()} cores")
    rows, notes = ours(), []
    if python is not None:
        asked = "from importlib.metadata import version; print(version('frontrun'))"
        number = _run([str(python), "-c", asked])[0].strip()
        print(f"frontrun {number}")
        for mode in MODES:
            row, said = theirs(python, mode)
            rows.append(row)
            notes += said
    table = [TITLES, *(row.cells for row in rows)]
    widths = [max(len(line[column]) for line in table) for column in range(len(TITLES))]
    print()
    for line in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    print()
    for note in notes:
        print(textwrap.fill(note, 120, subsequent_indent="    "))
    print(
        textwrap.fill(
            "first bug: of check, credit, mark; median. schedules/s: covered = told apart by their choices, most of "
            "them never run because an equal state was known; run = carried out from the start. crash points: of claim "
            "first, credit afterwards, each committed by itself. A DPOR of frontrun takes a transaction for one step, "
            "and runs one schedule of each class that it takes for equal, so its schedules are few.",
            120,
        )
    )


if __name__ == "__main__":
    main()
