"""Does the checker judge rightly? Every wrong answer and every right one that the course has is checked.

The answers stand in files, ``mutants/EXERCISE/PART/NAME.py`` (wrong on purpose; the first line names the diagnosis that
the learner must be told, the lines that a teacher would point at end with ``# here``) and
``variants/EXERCISE/PART/NAME.py`` (right, in the styles of different people).
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from types import ModuleType
from typing import Any

from ..checking.fault import checked
from ..display.matrix import Row, shortened
from ..display.numbers import count_words, for_programs
from ..simulation.program import Cell, Program, SourceProgram
from .catalogue import EXERCISES, part_of

#: What the first cell of every exercise notebook does.
SETUP = Cell("setup", "from redelivery import Retry")


@dataclass(frozen=True, slots=True)
class Answer:
    """One file. ``diagnosis`` and ``lines`` (those marked ``# here``) are a wrong answer's."""

    kind: str
    """``mutants`` or ``variants``."""
    exercise: str
    part: str
    name: str
    source: str

    @property
    def is_right(self) -> bool:
        """Whether it must be proved."""
        return self.kind == "variants"

    @property
    def diagnosis(self) -> str:
        """What the learner must be told."""
        first = self.source.partition("\n")[0]
        return first.removeprefix("# diagnosis:").strip() if not self.is_right else ""

    @property
    def lines(self) -> set[int]:
        """The lines a teacher would point at."""
        return {n for n, line in enumerate(self.source.splitlines(), 1) if line.rstrip().endswith("# here")}

    @property
    def cells(self) -> list[Cell]:
        """The cells of a notebook with this answer."""
        return [SETUP, Cell(self.part, self.source)]

    def program(self) -> SourceProgram:
        """The answer as the checker takes it from a notebook."""
        return SourceProgram(self.cells)

    def __str__(self) -> str:
        return f"{self.part}/{self.name}"


def answers(folder: Path, kind: str) -> list[Answer]:
    """All answers of a kind below ``folder``, by exercise, part and name."""
    found = []
    for path in sorted((folder / kind).glob("*/*/*.py")):
        found.append(Answer(kind, path.parts[-3], path.parts[-2], path.stem, path.read_text(encoding="utf-8")))
    order = {(name, part.grade_id): n for n, (name, part) in enumerate((e, p) for e in EXERCISES for p in EXERCISES[e])}
    return sorted(found, key=lambda answer: order.get((answer.exercise, answer.part), 99))


def name_parts(chosen: Iterable[Answer]) -> None:
    """Make sure that every answer is one to a part that there is.

    Raises:
        LookupError: one is not; the message names it.
    """
    for answer in chosen:
        where = f"{answer.kind}/{answer.exercise}/{answer.part}/{answer.name}.py"
        if answer.exercise not in EXERCISES:
            raise LookupError(f"{where} is of no exercise: the exercises are {', '.join(EXERCISES)}")
        try:
            part_of(answer.exercise, answer.part)
        except LookupError as error:
            raise LookupError(f"{where} is of no part: {error}") from None


def own_folder() -> Path | None:
    """Where the course keeps its answers, when this package runs from the course's folder."""
    folder = Path(__file__).resolve().parents[3] / "tests"
    return folder if (folder / "mutants").is_dir() else None


@dataclass(frozen=True, slots=True)
class Judgement:
    """One line of the kill matrix."""

    kind: str
    exercise: str
    part: str
    name: str
    planted: str
    verdict: str
    diagnosis: str
    line: int | None
    schedule: str | None
    schedules: int
    seconds: float
    fault: str
    """What is wrong with the judgement; empty if nothing is."""
    explanation: str = ""

    @property
    def row(self) -> Row:
        """What the stored matrix keeps of it."""
        return Row(
            self.kind,
            self.exercise,
            self.part,
            self.name,
            self.planted,
            self.verdict,
            self.diagnosis,
            self.schedule,
            self.schedules,
            round(self.seconds, 2),
        )


def judge(answer: Answer, thorough: bool = False, program: Program | None = None) -> Judgement:
    """Check one answer, and compare with what it was written for. ``program``: the answer, if not executed here."""
    started = perf_counter()
    part = part_of(answer.exercise, answer.part)
    more: dict[str, Any] = {"thorough": True} if thorough else {}
    report = checked(part, answer.exercise, lambda: part.check(answer.exercise, program or answer.program(), **more))
    seconds = perf_counter() - started
    verdict, found = report.verdict.name, report.diagnosis.name if report.diagnosis else ""
    fault = ""
    why = f" ({report.explanation})" if verdict in ("undetermined", "error") else ""
    if report.fault:
        fault = f"the checker failed: {report.fault.splitlines()[-1]}"
    elif answer.is_right:
        if verdict != "proved":
            fault = f"a right answer is {verdict}{why}"
    elif verdict not in ("refuted", "stuck"):
        fault = f"a wrong answer is {verdict}{why}"
    elif found != answer.diagnosis:
        fault = f"diagnosed as {found}"
    elif not thorough and report.line not in answer.lines:
        fault = f"points at line {report.line}"
    return Judgement(
        answer.kind,
        answer.exercise,
        answer.part,
        answer.name,
        answer.diagnosis,
        verdict,
        found,
        report.line,
        report.schedule,
        for_programs(report.schedules),
        round(seconds, 3),
        fault,
        report.fault or report.explanation,
    )


def _be_main() -> None:
    """Have a module ``__main__`` of that name, as a program has: in a new worker it is called ``__mp_main__``.

    The methods that `dataclasses` makes take their module's name from it, and without this would not pass for the
    answer's own: their class would differ in each process, and the answer be undetermined.
    """
    sys.modules["__main__"] = ModuleType("__main__")


def _judge(work: tuple[Answer, bool]) -> Judgement:
    return judge(*work)


def judge_all(chosen: Sequence[Answer], jobs: int = 0, thorough: bool = False) -> Iterator[Judgement]:
    """Judge answers in ``jobs`` processes (0: as many as there are cores), in their order."""
    jobs = min(jobs or os.cpu_count() or 1, len(chosen) or 1)
    work = [(answer, thorough) for answer in chosen]
    if jobs == 1:
        yield from map(_judge, work)
        return
    with multiprocessing.get_context("spawn").Pool(jobs, _be_main) as pool:
        yield from pool.imap(_judge, work)


def matrix(judgements: Iterable[Judgement]) -> str:
    """The kill matrix as text."""
    rows = [("answer", "verdict", "diagnosis", "schedule", "searched", "time")]
    for j in judgements:
        rows.append(
            (
                f"{j.part}/{j.name}",
                j.verdict + (" !" if j.fault else ""),
                j.diagnosis or "–",
                shortened(j.schedule),
                count_words(j.schedules),
                f"{j.seconds * 1000:.0f} ms",
            )
        )
    widths = [max(len(row[i]) for row in rows) for i in range(6)]
    lines = []
    for row in rows:
        left = [text.ljust(width) for text, width in zip(row[:4], widths, strict=False)]
        right = [text.rjust(width) for text, width in zip(row[4:], widths[4:], strict=True)]
        lines.append("  ".join([*left, *right]).rstrip())
    return "\n".join(lines)


def summary(judgements: Sequence[Judgement]) -> str:
    """The whole in a few lines, and every wrong judgement in one of its own."""
    lines = []
    wrong = [j for j in judgements if j.kind == "mutants"]
    right = [j for j in judgements if j.kind == "variants"]
    lines.append(f"{len(wrong)} wrong answers: " + (_counts(wrong) or "none"))
    lines.append(f"{len(right)} right answers: " + (_counts(right) or "none"))
    faults = [j for j in judgements if j.fault]
    lines += [f"MISJUDGED  {j.kind[:-1]} {j.exercise} {j.part}/{j.name}: {j.fault}" for j in faults]
    lines.append(f"{len(judgements) - len(faults)} of {len(judgements)} judged rightly.")
    return "\n".join(lines)


def _counts(judgements: Sequence[Judgement]) -> str:
    return ", ".join(f"{n} {verdict}" for verdict, n in sorted(Counter(j.verdict for j in judgements).items()))


def as_json(judgements: Sequence[Judgement]) -> dict[str, Any]:
    """As ``redelivery verify --json`` prints it."""
    return {
        "judged_rightly": sum(not j.fault for j in judgements),
        "judged_wrongly": sum(bool(j.fault) for j in judgements),
        "answers": [asdict(j) for j in judgements],
    }
