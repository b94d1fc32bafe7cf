"""The table "Reach": what checking costs, measured in this run on this machine.

    make bench

Ratios are measured side by side, so that they hold on a slow or busy machine; the absolute times are the median of
several runs. Nothing here fails: a figure that is not reached is printed as such.
"""

from __future__ import annotations

import contextlib
import gc
import io
import json
import os
import platform
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fakeredis
import sqlite_utils
from tqdm import tqdm

from redelivery import Message
from redelivery.checking.handler_part import HandlerPart
from redelivery.exercises.catalogue import part_of
from redelivery.exercises.record_and_check import ONE, REDIS_ONE
from redelivery.exploration.full import search_all
from redelivery.exploration.scenario import Scenario
from redelivery.exploration.search import Search
from redelivery.simulation.guards import guarded
from redelivery.simulation.program import Cell, SourceProgram
from redelivery.simulation.sqlite_store import Journal
from redelivery.simulation.world import Bounds
from tests.answers import answers
from tests.benchmarks.stepping import key_presses

ROOT = Path(__file__).parents[2]
JOURNALS: tuple[Journal, ...] = ("wal", "rollback")
RACE = """
def handle(message, db):
    if db.execute("SELECT 1 FROM processed WHERE message_id = ?", [message.id]).fetchone():
        return
    db.execute("UPDATE account SET balance = balance + 100 WHERE id = 666")
    db.execute("INSERT INTO processed VALUES (?)", [message.id])
"""


@dataclass(frozen=True)
class Figure:
    """One line of the table."""

    what: str
    reach: str
    measured: str
    reached: bool | None = None
    value: float | None = None
    """What is compared with the last run on the same machine."""


def median_ms(run: Callable[[], object], times: int = 7) -> float:
    """Milliseconds, median of ``times`` runs after one that doesn't count."""
    run()
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        run()
        taken.append((time.perf_counter() - started) * 1000)
    return statistics.median(taken)


def solutions() -> list[tuple[str, HandlerPart, SourceProgram]]:
    """Every part whose answer is searched, with its model answer."""
    found = []
    for answer in answers("variants"):
        part = part_of(answer.exercise, answer.part)
        if answer.name == "solution" and isinstance(part, HandlerPart):
            found.append((answer.exercise, part, answer.program()))
    return found


def first_bug() -> Figure:
    """From an open database to the first schedule that breaks the lecture's race, redeliveries being the only fault."""
    program = SourceProgram([Cell("race", RACE)])
    bounds = Bounds(faults=1, crashes=0, lost_acks=0, lock_timeouts=0)
    taken, whole = [], []
    for _ in range(15):
        search = Search(program, ONE, "wal", bounds)
        started = time.perf_counter()
        search.run()
        whole.append((time.perf_counter() - started) * 1000)
        taken.append(search.seconds_exploring * 1000)
    best = statistics.median(taken)
    return Figure(
        "first bug of the lecture's race",
        "≤ 2 ms",
        f"{best:.1f} ms ({statistics.median(whole):.1f} ms with setting up and closing the database)",
        best <= 2,
        best,
    )


def reference_checks() -> list[Figure]:
    """`check` of every part's model answer, at default and at thorough bounds."""
    default: dict[str, float] = {}
    thorough: dict[str, float] = {}
    for name, part, program in tqdm(solutions(), desc="solutions", file=sys.stderr, leave=False):
        default[part.grade_id] = median_ms(lambda name=name, part=part, program=program: part.check(name, program), 5)  # type: ignore[misc]
        started = time.perf_counter()
        report = part.check(name, program, thorough=True)
        thorough[part.grade_id] = (time.perf_counter() - started) * 1000
        assert report.passed, str(report)
    figures = []
    for words, times, reach in (
        ("check of a model answer", default, "≤ 500 ms median, none over 1 s"),
        ("the same at thorough bounds (4 faults, 2 of them crashes)", thorough, "≤ 3,000 ms"),
    ):
        middle, most = statistics.median(times.values()), max(times.values())
        reached = middle <= 500 and most <= 1000 if times is default else most <= 3000
        each = f"{middle:.0f} ms median, {most:.0f} ms at most, of {len(times)}"
        figures.append(Figure(words, reach, each, reached, middle))
        figures += [Figure(f"    {name}", "", f"{taken:.0f} ms", None, taken) for name, taken in times.items()]
    return figures


@contextlib.contextmanager
def counted() -> Iterator[list[tuple[int, int]]]:
    """Of every search that ends meanwhile, the operations that were carried out and the replays."""
    found: list[tuple[int, int]] = []
    close = Search.close

    def noted(self: Search) -> None:
        was_open = self._under_way is not None
        close(self)
        if was_open:
            found.append((self.statistics.real, self.statistics.replays))

    Search.close = noted  # type: ignore[method-assign]
    try:
        yield found
    finally:
        Search.close = close  # type: ignore[method-assign]


def corpus() -> list[Figure]:
    """`check` of every wrong and every right answer of the tests; of the right ones also beside their limit: the
    operations that had to be carried out as bare statements, and the replays as bare resets."""
    figures = []
    solved = next(a for a in answers("variants") if a.part == "record_and_check" and a.name == "solution")
    with guarded():
        reset, call, statements = _straight(solved.program(), ONE, "wal")
    for kind, words, reach in (("mutants", "wrong", 200), ("variants", "right", None)):
        taken: list[tuple[float, str]] = []
        ratios: list[float] = []
        for answer in tqdm(answers(kind), desc=f"{words} answers", file=sys.stderr, leave=False):
            part, program = part_of(answer.exercise, answer.part), answer.program()
            with counted() as work:
                started = time.perf_counter()
                part.check(answer.exercise, program)
                spent = time.perf_counter() - started
            taken.append((spent * 1000, f"{answer.part}/{answer.name}"))
            if isinstance(part, HandlerPart) and work:
                limit = sum(real for real, _ in work) * call / statements + sum(again for _, again in work) * reset
                ratios.append(spent / limit)
        taken.sort()
        middle = statistics.median(time for time, _ in taken)
        late = taken[int(0.95 * len(taken))][0]
        most, slowest = taken[-1]
        figures.append(
            Figure(
                f"check of a {words} answer, {len(taken)} of them",
                f"≤ {reach} ms median" if reach else "–",
                f"{middle:.0f} ms median, {late:.0f} ms for 19 of 20, {most:.0f} ms at most ({slowest})",
                middle <= reach if reach else None,
                middle,
            )
        )
        if kind == "variants":
            ratio = statistics.median(ratios)
            figures.append(
                Figure(
                    "    divided by its limit: bare statements and resets",
                    "≤ 20 median",
                    f"{ratio:.0f} median",
                    ratio <= 20,
                    ratio,
                )
            )
    return figures


def _straight(program: SourceProgram, scenario: Scenario, journal: Journal) -> tuple[float, float, int]:
    """The same work straight through on an ordinary connection: seconds a reset with its final check takes, seconds
    a whole handler call takes, and statements in that call."""
    handle = program.fresh()["handle"]
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as folder:
        connection = sqlite3.connect(Path(folder) / "straight.db")
        connection.execute(f"PRAGMA journal_mode={'wal' if journal == 'wal' else 'memory'}")
        connection.execute("PRAGMA synchronous=off")
        scenario.prepare(connection)
        connection.commit()
        db = sqlite_utils.Database(connection)
        identity, body = scenario.messages[0]

        def reset() -> None:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("DELETE FROM processed")
            connection.execute("DELETE FROM account")
            connection.execute("INSERT INTO account VALUES (666, 0)")
            connection.execute("COMMIT")
            scenario.judge(
                tuple((t, tuple(connection.execute(f"SELECT * FROM {t}").fetchall())) for t in ("account", "processed"))
            )

        seen: list[str] = []
        connection.set_trace_callback(seen.append)
        handle(Message(identity, body), db)
        connection.set_trace_callback(None)
        times = 1500
        started = time.perf_counter()
        for _ in range(times):
            reset()
        resets = time.perf_counter() - started
        started = time.perf_counter()
        for _ in range(times):
            reset()
            handle(Message(identity, body), db)
        calls = time.perf_counter() - started - resets
        connection.close()
    return resets / times, calls / times, len(seen)


RATIO_ANSWERS = (
    "insert_first_catch_integrity",
    "or_ignore_rowcount",
    "begin_immediate_check",
    "deferred_check_update_mark",
    "nested_atomic",
    "three_tries_then_raise",
    "update_where_not_exists",
    "compare_and_set_balance",
)


def _straight_on_redis(program: SourceProgram, scenario: Scenario) -> tuple[float, float, int]:
    """As `_straight`, on an ordinary fakeredis."""
    handle = program.fresh()["handle"]
    client = fakeredis.FakeRedis()
    identity, body = scenario.messages[0]
    assert scenario.prepare_redis is not None

    def reset() -> None:
        client.flushall()
        scenario.prepare_redis(client)  # type: ignore[misc]
        client.mget("balance:666", "balance:777")

    commands = 0
    original = client.connection_pool.connection_class.send_packed_command

    def counted(connection: Any, command: Any, *rest: Any, **named: Any) -> Any:
        nonlocal commands
        commands += 1
        return original(connection, command, *rest, **named)

    client.connection_pool.connection_class.send_packed_command = counted
    reset()
    commands = 0
    handle(Message(identity, body), client)
    client.connection_pool.connection_class.send_packed_command = original
    times = 300
    started = time.perf_counter()
    for _ in range(times):
        reset()
    resets = time.perf_counter() - started
    started = time.perf_counter()
    for _ in range(times):
        reset()
        handle(Message(identity, body), client)
    calls = time.perf_counter() - started - resets
    return resets / times, calls / times, commands


def redis_ratios() -> list[Figure]:
    """The ratios for handlers on Redis."""
    off, on = [], []
    chosen = [a for a in answers("variants") if a.part == "record_and_check_redis"][:8]
    for answer in tqdm(chosen, desc="ratios on Redis", file=sys.stderr, leave=False):
        program = answer.program()
        with guarded():
            reset, call, commands = _straight_on_redis(program, REDIS_ONE)
        gc.collect()
        full = search_all(program, REDIS_ONE, "wal", Bounds(faults=1), most_schedules=1500)
        straight = full.schedules * reset + full.statements / max(commands, 1) * call
        off.append(full.seconds / straight)
        search = Search(program, REDIS_ONE, "wal", Bounds(faults=1))
        verdict = search.run()
        on.append(search.statistics.seconds / verdict.schedules / (straight / full.schedules))
    return _figures(off, on, "Redis")


def ratios() -> list[Figure]:
    """What a search costs beside the same handler calls, resets and final checks straight through."""
    off, on = [], []
    chosen = [a for a in answers("variants") if a.name in RATIO_ANSWERS and a.part == "record_and_check"]
    for answer in tqdm(chosen, desc="ratios", file=sys.stderr, leave=False):
        for journal in JOURNALS:
            program = answer.program()
            with guarded():
                reset, call, statements = _straight(program, ONE, journal)
            gc.collect()
            full = search_all(program, ONE, journal, Bounds(faults=1), most_schedules=1500)
            straight = full.schedules * reset + full.statements / statements * call
            off.append(full.seconds / straight)
            search = Search(program, ONE, journal, Bounds(faults=1))
            verdict = search.run()
            a_schedule = straight / full.schedules
            on.append(search.statistics.seconds / verdict.schedules / a_schedule)
    return _figures(off, on, "SQLite")


def _figures(off: list[float], on: list[float], store: str) -> list[Figure]:
    return [
        Figure(
            f"search ÷ the same calls straight through, memory off, {store}",
            "≤ 2.0 median",
            f"{statistics.median(off):.1f} median, {min(off):.1f} to {max(off):.1f}, of {len(off)}",
            statistics.median(off) <= 2,
            statistics.median(off),
        ),
        Figure(
            f"the same, memory on, for each schedule covered, {store}",
            "–",
            f"{statistics.median(on):.4f} median",
            None,
            statistics.median(on),
        ),
    ]


def memory() -> Figure:
    """Peak memory of one check at default bounds, above an interpreter that has imported the same."""
    # Linux keeps the parent's peak over fork and exec in ru_maxrss; VmHWM starts anew.
    code = """
import re, resource, sys
from pathlib import Path
from tests.answers import answers
from redelivery.exercises.catalogue import part_of

def peak():
    status = Path("/proc/self/status")
    if status.exists():
        return int(re.search(r"VmHWM:\\s+(\\d+)", status.read_text()).group(1)) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 / 1024

answer = next(a for a in answers("variants") if a.name == "three_tries_then_raise")
before = peak()
part_of(answer.exercise, answer.part).check(answer.exercise, answer.program())
print(peak() - before)
"""
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True).stdout
    used = float(output)
    return Figure("memory of a check (three tries, default bounds)", "≤ 100 MB", f"{used:.0f} MB", used <= 100, used)


def whole_process() -> Figure:
    """`redelivery check` of the solved notebook, interpreter start included."""
    notebook = ROOT / "reference" / "solutions" / "05-record-and-check.ipynb"
    command = [sys.executable, "-m", "redelivery.cli", "check", str(notebook)]
    taken = median_ms(lambda: subprocess.run(command, capture_output=True, check=True), 5)
    return Figure("whole process of redelivery check", "≤ 2,000 ms", f"{taken:.0f} ms", taken <= 2000, taken)


def stepping() -> list[Figure]:
    """Stepping through a long counterexample in the browser."""
    found = key_presses()
    if found is None:
        return [Figure("stepping through a counterexample", "≤ 50 ms", "not measured: no chromium here")]
    taken, film, picture = found
    steps = len(taken) // 2
    return [
        Figure(
            f"a key press in a counterexample of {steps} steps, until it is painted",
            "≤ 50 ms",
            f"{statistics.median(taken):.0f} ms median, {max(taken):.0f} ms at most, of {len(taken)}",
            max(taken) <= 50,
        ),
        Figure(
            "its picture, and the film",
            "≤ 200 kB",
            f"{picture / 1000:.0f} kB, {film / 1000:.0f} kB",
            max(picture, film) <= 200_000,
        ),
    ]


def main() -> None:
    """Measure and print the table."""
    print(f"Python {sys.version.split()[0]}, SQLite {sqlite3.sqlite_version}, {os.cpu_count()} cores")
    figures: list[Figure] = []
    with contextlib.redirect_stderr(sys.stderr if sys.stderr.isatty() else io.StringIO()):
        figures.append(first_bug())
        figures += reference_checks()
        figures += corpus()
        figures += ratios()
        figures += redis_ratios()
        figures.append(memory())
        figures.append(whole_process())
        figures += stepping()
    before = last_run()
    widths = [max(len(getattr(f, name)) for f in figures) for name in ("what", "reach", "measured")]
    for figure in figures:
        mark = {True: "reached", False: "NOT reached", None: ""}[figure.reached]
        was = before.get(figure.what)
        then = f"{figure.value / was:.2f} of the last run" if was and figure.value is not None else ""
        columns = (
            f"{figure.what:{widths[0]}}  {figure.reach:{widths[1]}}  {figure.measured:{widths[2]}}  {mark:11}  {then}"
        )
        print(columns.rstrip())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"(peak of this benchmark itself: {peak / 1024:.0f} MB)")
    LAST.parent.mkdir(exist_ok=True)
    kept = {figure.what: figure.value for figure in figures if figure.value is not None}
    LAST.write_text(json.dumps({"machine": MACHINE, "figures": kept}, indent=1), "utf-8")


LAST = ROOT / "build" / "bench.json"
"""The figures of the last run, to compare the next one with."""
MACHINE = [platform.node(), platform.machine(), os.cpu_count(), platform.python_version()]


def last_run() -> dict[str, float]:
    """The figures of the last run on this machine with this Python; none where there was none."""
    try:
        kept = json.loads(LAST.read_text("utf-8"))
        return dict(kept["figures"]) if kept["machine"] == MACHINE else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


if __name__ == "__main__":
    main()
