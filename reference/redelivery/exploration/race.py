"""Several scenarios at a time: none is searched to its end before all have been tried with fewer faults."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache

from ..simulation.program import Program
from ..simulation.sqlite_store import Journal
from ..simulation.world import Bounds
from .hosted import Hosts
from .scenario import Scenario
from .search import TOO_MANY_MEMORIES, Search, no_collector
from .verdict import Proved, Refuted, Stuck, Undetermined

#: Schedules with so many faults are always searched: see `Race`.
FEW_FAULTS = 1


@dataclass(slots=True)
class _Entry:
    """A search, and the number of its scenario."""

    number: int
    search: Search
    twin: Search | None = None
    """The same in the other journal mode, as long as it would find the same."""


class Race:
    """Searches of several scenarios, all of them without a fault first, then with one, and so on: what fails without
    any fault is found before anything is searched to its end.

    The first counterexample is the one with the fewest faults, and of these the one of the first scenario.

    ``go_further`` is asked once, before the first schedule with a second fault: whether there is any need of them. Most
    mistakes show themselves before, so it may cost something to answer.
    """

    def __init__(
        self,
        program: Program,
        journals: Sequence[Journal],
        bounds_of: Callable[[Scenario], Bounds],
        seconds: float,
        progress: Callable[[int], None] | None,
        go_further: Callable[[], bool] = lambda: True,
    ) -> None:
        self._program, self._journals, self._bounds_of = program, journals, bounds_of
        self._seconds, self._progress = seconds, progress
        self._go_further = cache(go_further)
        self._hosts = Hosts(program)
        self._open = ExitStack()
        self.best: tuple[int, Refuted | Stuck] | None = None
        """The number of a scenario, and its counterexample."""
        self.unsure: Undetermined | None = None
        self.missing: Undetermined | None = None
        """The answer uses what the simulation has not: no more is searched then."""
        self.stopped = False
        """By the one who waits for it: no more is searched then."""
        self.schedules = self.states = 0
        self.limits: dict[str, None] = {}
        self.hints_matter: list[int] = []
        """Numbers of scenarios in which the answer looks at the queue's hints."""
        self.draws_matter: list[int] = []
        """The same for random numbers that are few."""
        self.clock_matters: list[int] = []
        """The same for a clock that can be set."""

    def __enter__(self) -> Race:
        self._open.enter_context(no_collector())
        self._open.callback(self._hosts.close)
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def run(self, scenarios: Sequence[tuple[int, Scenario]]) -> None:
        """Search these, by number, until one of them fails, or all to their ends; none if that is known already."""
        if self.is_over:
            return
        waiting = [self._entry(number, scenario) for number, scenario in scenarios]
        done: list[_Entry] = []
        faults = 0
        try:
            while waiting and not self.is_over:
                entry = waiting.pop(0)
                if self._goes_on(entry, faults):
                    done.append(entry)
                if entry.twin is not None and not entry.search.journals_alike:
                    waiting.insert(0, _Entry(entry.number, entry.twin))
                    entry.twin = None
                if not waiting:
                    waiting, done = done, []
                    faults += 1
        finally:
            for entry in (*waiting, *done):
                entry.search.close()

    @property
    def is_over(self) -> bool:
        """Nothing more is to be searched."""
        return self.best is not None or self.missing is not None or self.stopped

    def _entry(self, number: int, scenario: Scenario) -> _Entry:
        journal, *others = scenario.journals(self._journals)
        twin = self._search(scenario, others[0]) if others else None
        return _Entry(number, self._search(scenario, journal), twin)

    def _search(self, scenario: Scenario, journal: Journal) -> Search:
        bounds = self._bounds_of(scenario)
        return Search(
            self._program,
            scenario,
            journal,
            bounds,
            seconds=self._seconds,
            progress=self._progress,
            hosts=self._hosts,
        )

    def _goes_on(self, entry: _Entry, faults: int) -> bool:
        """Search on up to so many faults; whether there are more to come."""
        number, search = entry.number, entry.search
        search.try_memories = self.unsure is None or self.unsure.reason != TOO_MANY_MEMORIES
        if faults > FEW_FAULTS and not self._go_further():
            search.most_faults = FEW_FAULTS
        verdict = search.advance(faults)
        if verdict is None:
            return True
        failed = isinstance(verdict, Refuted | Stuck)  # before anybody looks at the other journal
        times = 2 if entry.twin is not None and search.journals_alike and not failed else 1
        self.schedules += times * verdict.schedules
        self.states += times * verdict.states
        self.hints_matter += [number] * (search.hints_matter and number not in self.hints_matter)
        self.draws_matter += [number] * (search.draws_matter and number not in self.draws_matter)
        self.clock_matters += [number] * (search.clock_matters and number not in self.clock_matters)
        if isinstance(verdict, Proved):
            self.limits |= dict.fromkeys(verdict.limits)
        elif isinstance(verdict, Undetermined):
            if verdict.unsupported:
                self.missing = verdict
            self.unsure = self.unsure or verdict
            self.stopped = verdict.reason == "stopped by you"
        else:
            self.best = number, verdict
        return False
