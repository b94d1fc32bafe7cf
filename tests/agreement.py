"""One handler, searched in four ways: what must agree between the reduced search and the full enumeration."""

from __future__ import annotations

import os
from dataclasses import dataclass

from redelivery.exercises.record_and_check import ONE, TWO
from redelivery.exploration.full import search_all
from redelivery.exploration.replay import replay
from redelivery.exploration.scenario import Scenario
from redelivery.exploration.schedule import cost_of, to_text
from redelivery.exploration.search import Search
from redelivery.exploration.verdict import Proved, Refuted, Stuck, Undetermined, Verdict
from redelivery.simulation.program import Program
from redelivery.simulation.sqlite_store import Journal
from redelivery.simulation.world import Bounds

JOURNALS: tuple[Journal, ...] = ("wal", "rollback")
#: `make soak`: larger bounds and more of everything.
SOAK = os.environ.get("REDELIVERY_SOAK") == "1"


@dataclass(frozen=True)
class Reach:
    """A scenario, and bounds at which the schedules of a small handler can be run one by one."""

    name: str
    scenario: Scenario
    bounds: Bounds

    def __str__(self) -> str:
        return self.name


ONE_MESSAGE = Reach("one message, one fault", ONE, Bounds(faults=1))
TWO_MESSAGES = Reach("two messages, no fault", TWO, Bounds(faults=0))
#: Too far for most handlers, and the more worth it for those that are short.
FAR = (Reach("one message, two faults", ONE, Bounds(faults=2)), Reach("two messages, one fault", TWO, Bounds(faults=1)))


@dataclass(frozen=True, slots=True)
class Agreed:
    """All ways led to the same; ``verdict`` is that of a search as learners run it."""

    verdict: Verdict
    schedules: int


@dataclass(frozen=True, slots=True)
class TooMany:
    """There are more schedules than can be run, or states than can be held; at the least ``schedules``."""

    schedules: int


def compare(
    program: Program, reach: Reach, journal: Journal, *, most_schedules: int, most_states: int, circles: bool
) -> Agreed | TooMany:
    """Search ``program`` with all reductions, without symmetry, with neither symmetry nor memory, and in full.

    ``circles``: it may raise `Retry`, so that a run may go on for ever; if it writes before, through ever new states.

    Raises:
        AssertionError: two of them do not agree.
    """
    scenario, bounds = reach.scenario, reach.bounds

    def searched(**options: bool) -> tuple[Search, Verdict]:
        search = Search(program, scenario, journal, bounds, most_states=most_states, **options)
        return search, search.run(stop_at_first=False)

    lettered, verdict = searched(symmetry=False)
    if isinstance(verdict, Undetermined):
        assert "limit" in verdict.reason, verdict.reason
        return TooMany(0)
    # Where letters are told apart, every schedule is counted once: so many the full search has to run, and no more.
    if verdict.schedules > most_schedules:
        return TooMany(verdict.schedules)
    full = search_all(
        program,
        scenario,
        journal,
        bounds,
        most_schedules=max(verdict.schedules, 1),
        schema_changes=lettered.schema_changes,
    )
    if not full.complete:
        assert circles, f"{verdict.schedules} schedules were counted, but there are more"
        return TooMany(full.schedules)
    reduced, _ = searched()
    plain, counted = searched(memory=False, symmetry=False)
    for search in (lettered, reduced, plain):
        assert search.final_contents == full.finals
    assert counted.schedules == verdict.schedules
    if not circles:
        assert verdict.schedules == full.schedules

    smallest = full.smallest_broken
    usual = Search(program, scenario, journal, bounds).run()
    if isinstance(usual, Proved):
        assert verdict.name == counted.name == "proved"
        assert smallest is None, to_text(smallest)
    elif isinstance(usual, Refuted):
        assert smallest is not None, to_text(usual.schedule)
        assert cost_of(usual.schedule) == cost_of(smallest), (to_text(usual.schedule), to_text(smallest))
        for schedule in (usual.schedule, smallest):
            run = replay(program, scenario, schedule, journal, bounds=bounds)
            assert run.ended and not run.dead and run.schedule == schedule and run.final in full.finals
            assert run.wrong == scenario.judge(run.final) is not None
    else:
        assert isinstance(usual, Stuck), usual
        if smallest is not None:
            assert cost_of(usual.schedule) <= cost_of(smallest), (to_text(usual.schedule), to_text(smallest))
    return Agreed(usual, full.schedules)
