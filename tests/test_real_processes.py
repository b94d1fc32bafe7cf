"""What the simulation says of a schedule, real processes do: on a real file, with real locks and a real ``kill -9``.

``REDELIVERY_SOAK=1`` takes ten times as many random schedules, and of every answer.
"""

from __future__ import annotations

import os
import random
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from redelivery.exercises.record_and_check import ONE, TWO
from redelivery.exploration.replay import Run, replay
from redelivery.exploration.scenario import Scenario
from redelivery.exploration.schedule import BadSchedule, to_text
from redelivery.exploration.search import Search
from redelivery.exploration.verdict import Refuted
from redelivery.simulation.choices import Choice, Kind
from redelivery.simulation.sqlite_store import Journal
from redelivery.simulation.world import Bounds
from tests.answers import Answer, answers
from tests.real_processes import Crew, Disagreement, NotSimulated, a_crew, carry_out, tables_of

pytestmark = pytest.mark.skipif(os.name != "posix", reason="kill -9 is a signal of POSIX")
SOAK = os.environ.get("REDELIVERY_SOAK") == "1"
JOURNALS: tuple[Journal, ...] = ("wal", "rollback")
MUTANTS, VARIANTS = (
    {answer.name: answer for answer in answers(kind) if answer.part == "record_and_check"}
    for kind in ("mutants", "variants")
)
ALL = {**MUTANTS, **VARIANTS}
WRONG = [
    "commit_between_check_and_act",
    "commit_in_the_middle",
    "deferred_lock_swallowed",
    "driver_autocommit",
    "executescript_commits_effect",
    "global_set",
    "immediate_busy_means_done",
    "insert_or_ignore_unchecked",
    "just_credit",
    "lecture_three_statements",
    "no_commit",
    "two_with_conn",
]
RIGHT = [
    "begin_immediate_check",
    "compare_and_set_balance",
    "deferred_check_update_mark",
    "duplicate_left_to_rollback",
    "executemany_statements",
    "explicit_savepoint",
    "implicit_begin_then_commit",
    "three_tries_then_raise",
    "tries_then_retry",
    "update_where_not_exists",
]
NAMES = sorted(ALL.keys() - {"new_uuid_as_key"}) if SOAK else WRONG + RIGHT  # chance can't be repeated
RANDOM_SCHEDULES = 20 if SOAK else 2
"""For each answer and journal mode."""


@pytest.fixture(scope="module")
def crew() -> Iterator[Crew]:
    with a_crew() as crew:
        yield crew


# -- schedules ----------------------------------------------------------------------------------------------


def _possible(answer: Answer, scenario: Scenario, schedule: list[Choice], journal: Journal, bounds: Bounds) -> Run:
    """The run of what can be done of ``schedule``: a choice that can't be made is left out."""
    while True:
        try:
            return replay(answer.program(), scenario, schedule, journal, bounds=bounds)
        except BadSchedule as error:
            where = re.match(r"choice (\d+),", str(error))
            assert where is not None
            first = int(where[1]) - 1
            impossible = schedule[first]
            while first < len(schedule) and schedule[first] == impossible:
                del schedule[first]


def random_run(answer: Answer, journal: Journal, seed: int) -> Run:
    """A run to its end with up to three faults, among two or three consumers."""
    draw = random.Random(f"{answer.name} {journal} {seed}")
    scenario = draw.choice([ONE, TWO, TWO])
    bounds = Bounds(consumers=draw.choice([2, 2, 3]))
    stays = draw.choice([0.3, 0.6, 0.85])

    def steps() -> list[Choice]:
        process = draw.randrange(bounds.consumers)
        found = []
        for _ in range(draw.randrange(3, 25)):
            if draw.random() > stays:
                process = draw.randrange(bounds.consumers)
            found.append(Choice(Kind.STEP, process))
        return found

    run = _possible(answer, scenario, steps(), journal, bounds)
    for _ in range(draw.choice([1, 2, 2, 3])):
        faults = _faults(run)
        kind = draw.choice(sorted(faults, key=lambda kind: kind.name))
        beginning, fault = draw.choice(faults[kind])
        run = _possible(answer, scenario, [*run.schedule[:beginning], fault, *steps()], journal, bounds)
    return run


def _faults(run: Run) -> dict[Kind, list[tuple[int, Choice]]]:
    """What may go wrong in a run: after how many choices, and how."""
    found: dict[Kind, list[tuple[int, Choice]]] = {}
    for done, event in enumerate(run.events):
        process = event.choice.process
        if event.kind == "ack":
            found.setdefault(Kind.LOST, []).append((done, Choice(Kind.LOST, process)))
        elif event.kind == "blocked":
            found.setdefault(Kind.LOCK_TIMEOUT, []).append((done + 1, Choice(Kind.LOCK_TIMEOUT, process)))
        if event.kind in ("receive", "sql", "blocked", "lock timeout"):
            for kind in (Kind.CRASH, Kind.REDELIVER) if event.current else (Kind.CRASH,):
                found.setdefault(kind, []).append((done + 1, Choice(kind, process)))
    return found


def counterexamples(answer: Answer, journal: Journal) -> list[Run]:
    """The smallest runs that break the answer, as the checker reports them."""
    runs = []
    for scenario in (ONE, TWO):
        verdict = Search(answer.program(), scenario, journal).run()
        if isinstance(verdict, Refuted):
            runs.append(replay(answer.program(), scenario, verdict.schedule, journal))
            assert runs[-1].wrong is not None
    return runs


# -- the comparison -----------------------------------------------------------------------------------------


def compare(run: Run, answer: Answer, folder: Path, crew: Crew) -> None:
    """Carry the run out for real; step by step and at the end it must be what the simulation said."""
    text = f"{answer.name}, {run.scenario.name}, {run.journal}: {to_text(run.schedule)}"
    try:
        contents = carry_out(run, answer.source, Path(tempfile.mkdtemp(dir=folder)) / "run.db", crew)
    except Disagreement as error:
        raise Disagreement(f"{text}: {error}") from None
    assert contents == tables_of(run), text


@pytest.mark.parametrize("journal", JOURNALS)
@pytest.mark.parametrize("name", NAMES)
def test_real_processes_do_what_the_simulation_says(name: str, journal: Journal, tmp_path: Path, crew: Crew) -> None:
    answer = ALL[name]
    runs = counterexamples(answer, journal) if name in MUTANTS else []
    runs += [random_run(answer, journal, seed) for seed in range(RANDOM_SCHEDULES)]
    for run in runs:
        try:
            compare(run, answer, tmp_path, crew)
        except NotSimulated:
            assert SOAK, "the answers of the short test are chosen so that they do not meet it"


# -- the comparison can fail --------------------------------------------------------------------------------


@pytest.mark.parametrize("journal", JOURNALS)
@pytest.mark.parametrize("kind", [Kind.CRASH, Kind.LOST, Kind.REDELIVER, Kind.LOCK_TIMEOUT], ids=lambda kind: kind.name)
def test_one_choice_left_out_is_noticed(kind: Kind, journal: Journal, tmp_path: Path, crew: Crew) -> None:
    """Real processes that are led through all events but one do not do what the simulation says."""
    answer = ALL["begin_immediate_check"]
    runs = (random_run(answer, journal, seed) for seed in range(500))
    run = next(run for run in runs if any(choice.kind is kind for choice in run.schedule))
    run.events = [event for event in run.events if event.choice.kind is not kind]
    with pytest.raises(Disagreement):
        compare(run, answer, tmp_path, crew)


def test_another_end_is_noticed(tmp_path: Path, crew: Crew) -> None:
    """The lecture's race must not end as an undisturbed run does."""
    answer = ALL["lecture_three_statements"]
    run = counterexamples(answer, "wal")[0]
    run.final = replay(answer.program(), ONE, (), "wal").final
    with pytest.raises(AssertionError, match="three_statements"):
        compare(run, answer, tmp_path, crew)
