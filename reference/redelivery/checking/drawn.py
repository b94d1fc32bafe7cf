"""From a straight run of many messages that went wrong to the few that show why."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..exploration.scenario import Scenario
from ..exploration.search import Search
from ..exploration.stage import OpeningFailed, opened
from ..exploration.straight import Endless, Outcome, Right, Wrong, run_straight
from ..exploration.verdict import Refuted, Stuck
from ..simulation.program import Program
from ..simulation.sqlite_store import Journal
from .batch import Batch

#: Of more messages than these, as time goes by or beside a job, no search looks for a smaller run.
_FEW = 3
#: As many messages as in so many runs of all of them are run to find a smaller set.
_MOST_RUNS = 8


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong, with as few of the drawn messages as can be found."""

    scenario: Scenario
    """Opened."""
    messages: tuple[int, ...]
    """Their positions in the batch."""
    verdict: Refuted | Stuck


def straight(program: Program, batch: Batch, journal: Journal, spread: bool = False) -> Outcome:
    """Run all messages of the batch that are to be run, then again, each delivered once more after it was done; with
    ``spread`` as time goes by and chance has it (`Scenario.spread`)."""
    return _Finder(program, batch, journal, 0.0, spread).run(batch.whole)


def find_fault(program: Program, batch: Batch, journal: Journal, seconds: float, spread: bool = False) -> Fault | None:
    """The plainest counterexample in a batch that did not run right; None where none was found.

    First those who are suspected are looked at, one alone before two, in the order in which the batch names them; then
    any part of the messages that still goes wrong, halved as long as it does. ``seconds``: for each search.
    """
    finder = _Finder(program, batch, journal, seconds, spread)
    for suspects in () if spread else batch.suspects:
        if isinstance(finder.run(suspects.messages), Right):
            continue
        for chosen in _smaller(suspects.messages):
            found = finder.confirmed(chosen)
            if found is not None:
                return found
    return finder.confirmed(finder.halved(batch.whole))


def _smaller(messages: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    for count in range(1, min(2, len(messages) - 1) + 1):
        yield from itertools.combinations(messages, count)
    yield messages


class _Finder:
    def __init__(self, program: Program, batch: Batch, journal: Journal, seconds: float, spread: bool) -> None:
        self.program = program
        self.spread = spread
        self.batch = batch
        self.journal: Journal = journal
        self.seconds = seconds

    def run(self, chosen: Sequence[int]) -> Outcome:
        try:
            scenario = opened(self.program, self.batch.scenario(chosen, self.spread))
        except OpeningFailed as error:
            return Endless(str(error))
        # A duplicate may mend what was wrong without it, so each message comes once first.
        outcome = run_straight(self.program, scenario, self.journal, again=False)
        if isinstance(outcome, Right) and self.batch.again:
            varies = outcome.varies
            outcome = run_straight(self.program, scenario, self.journal, again=True)
            if isinstance(outcome, Right):
                outcome = Right(varies or outcome.varies)
        return outcome

    def confirmed(self, chosen: tuple[int, ...]) -> Fault | None:
        """The counterexample of these messages: the smallest one that a search finds, else the straight run."""
        outcome = self.run(chosen)
        if isinstance(outcome, Right):
            return None
        scenario = opened(self.program, self.batch.scenario(chosen, self.spread))
        if isinstance(outcome, Wrong) and len(chosen) > _FEW and (self.spread or scenario.job is not None):
            return Fault(scenario, chosen, Refuted(outcome.schedule, self.journal, 0, 0, outcome.claim))
        verdict = Search(self.program, scenario, self.journal, seconds=self.seconds).run()
        if not isinstance(verdict, Refuted | Stuck):
            if not isinstance(outcome, Wrong):
                return None
            verdict = Refuted(outcome.schedule, self.journal, verdict.schedules, verdict.states, outcome.claim)
        return Fault(scenario, chosen, verdict)

    def halved(self, messages: tuple[int, ...]) -> tuple[int, ...]:
        """Fewer of these messages that don't run right either: parts are left out, ever smaller ones, as long as that
        changes nothing (Zeller and Hildebrandt, Simplifying and isolating failure-inducing input)."""
        parts, most = 2, _MOST_RUNS * len(messages)
        while len(messages) > 1 and most > 0:
            size = -(-len(messages) // parts)
            for start in range(0, len(messages), size):
                rest = messages[:start] + messages[start + size :]
                most -= len(rest)
                if rest and not isinstance(self.run(rest), Right):
                    messages, parts = rest, max(parts - 1, 2)
                    break
            else:
                if parts >= len(messages):
                    break
                parts = min(2 * parts, len(messages))
        return messages
