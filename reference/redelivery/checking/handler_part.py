"""Parts whose answer is code that is checked under every schedule: handlers, jobs, loops, receivers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from random import Random
from typing import Any

from ..display.timeline import Timeline
from ..exploration.diagnosis import diagnose
from ..exploration.no_return import point_of_no_return
from ..exploration.overtaken import OTHERS, lost_race
from ..exploration.race import Race
from ..exploration.replay import Run
from ..exploration.replay import replay as replay_schedule
from ..exploration.scenario import Scenario
from ..exploration.schedule import BadSchedule, parse
from ..exploration.stage import OpeningFailed, opened
from ..exploration.straight import Endless, Outcome, Right, Unsupported, Wrong
from ..exploration.verdict import Proved, Refuted, Stuck, Undetermined
from ..simulation.calls import Tool
from ..simulation.chance import HIGH, LOW
from ..simulation.choices import Choice
from ..simulation.guards import guarded
from ..simulation.hosts import LITTLE_PATIENCE
from ..simulation.live import Hints
from ..simulation.memory import CannotCopy
from ..simulation.program import Program
from ..simulation.sqlite_store import Journal
from ..simulation.world import Bounds
from .batch import Batch
from .drawn import find_fault, straight
from .part import UNSOLVED, NotChecked, Replay, Report, bounds_json, is_unsolved
from .seed import DEFAULT_SEED

JOURNALS: tuple[Journal, ...] = ("wal", "rollback")

#: What no proof in SQLite covers: elsewhere two transactions may read alike and then write, one after the other (B6).
WEAKER = "databases with weaker isolation than SQLite's (READ COMMITTED)"


#: A scenario that is changed has the number of the one that it was made from and a multiple of this more.
_CHANGED = 100
#: The scenario in which so many others are handled while a message is worked on has their number and this.
_CROWD = 1000
#: What is changed: the queue's hints lie, somebody else holds a lock, the clock is set back, or draws are extreme.
_HINTS = (Hints.HONEST, Hints.FORGOTTEN, Hints.MANY)
_OUTSIDER = len(_HINTS)
_SET_BACK = _OUTSIDER + 1
_DRAWN = {_SET_BACK + 1: LOW, _SET_BACK + 2: HIGH}
_WORDS = (
    "",
    "; the queue forgets what it has delivered before",
    "; the queue names large numbers of deliveries",
    "; somebody else holds a lock",
    "; somebody sets the clock back",
    "; small numbers are drawn",
    "; large numbers are drawn",
)
#: No point of no return is looked for in a run of overtaking that has more steps.
_FAR = 200
#: Somebody else's lock outlasts the wait of three deliveries.
_REFUSALS = Bounds(1, 3, 0, 0, 0, 3, 0, 0, 0)
#: What is sent may be lost besides.
_AND_NO_ANSWER = _REFUSALS._replace(faults=2, lock_timeouts=1, lost_answers=1)
_ONE_HOUR_BACK = Bounds(1, 2, 0, 1, 0, 0, 0, 0, 1)


def _changed(scenario: Scenario, which: int) -> Scenario:
    """``scenario`` where the queue's hints lie, somebody else holds a lock or sets the clock, or draws are extreme."""
    name = scenario.name + _WORDS[which]
    if which == _OUTSIDER:
        sends = any(Tool.SEND in call.arguments for call in scenario.calls)
        return replace(scenario, outsider=True, bounds=_AND_NO_ANSWER if sends else _REFUSALS, name=name)
    if which == _SET_BACK:
        return replace(scenario, set_back=True, bounds=_ONE_HOUR_BACK, name=name)
    if which in _DRAWN:
        return replace(scenario, spread=(_DRAWN[which],) * len(scenario.calls), name=name)
    return replace(scenario, hints=_HINTS[which], name=name) if which else scenario


def _without_tail(schedule: tuple[Choice, ...]) -> tuple[Choice, ...]:
    """A schedule without most of the equal steps at its end, which follow by themselves."""
    end = len(schedule)
    while end > 1 and schedule[end - 1] == schedule[-1]:
        end -= 1
    return schedule[: end + 8]


def with_progress(part: Any, told: Callable[[int], None]) -> Any:
    """``part``, which tells ``told`` from time to time how many states it has searched; parts without a search tell
    nothing."""
    return replace(part, progress=told) if isinstance(part, HandlerPart) else part


def with_seed(part: Any, seed: int) -> Any:
    """``part`` with values that are drawn from ``seed``; parts that draw none stay as they are."""
    if not isinstance(part, HandlerPart):
        return part
    if part.drawn is None or seed == DEFAULT_SEED or part.scenarios[0].loop is not None:
        return replace(part, seed=seed)
    return replace(part, seed=seed, scenarios=(*part.scenarios, _not_known_by_heart(part, part.drawn(seed), seed)))


def _not_known_by_heart(part: HandlerPart, batch: Batch, seed: int) -> Scenario:
    """One of the drawn messages, searched as the part's first scenario is: who writes what the other scenarios are
    known to end in has to do the real work here, over crashes and beside others, too."""
    message = Random(f"{seed} {part.grade_id} alone").choice(batch.messages[: batch.straight])
    first = part.scenarios[0].bounds
    return replace(batch.make("a message that was drawn", [message]), bounds=first)


def larger(bounds: Bounds) -> Bounds:
    """The bounds of a thorough search."""
    if bounds.faults < 2:
        return bounds
    return bounds._replace(faults=4, crashes=2 * min(bounds.crashes, 1))


@dataclass(frozen=True)
class HandlerPart:
    """``scenarios`` are searched in order, smaller ones first, so that counterexamples come out small.

    ``signatures``: what the cell has to define, with parameters; ``Class.method`` for methods.
    """

    grade_id: str
    points: int
    scenarios: tuple[Scenario, ...]
    signatures: tuple[tuple[str, tuple[str, ...]], ...] = (("handle", ("message", "db")),)
    journals: tuple[Journal, ...] = JOURNALS
    covered: str = ""
    measure: Callable[[HandlerPart, Program], str] | None = field(default=None, compare=False)
    """A sentence on what the answer was measured to do, whatever the verdict."""
    progress: Callable[[int], None] | None = field(default=None, compare=False)
    drawn: Callable[[int], Batch] | None = field(default=None, compare=False)
    """Seed → messages with values that hurt, which are run straight through before anything is searched."""
    crowd: Callable[[int], Scenario] | None = None
    """Number → one message and so many others, which are handled while it is worked on."""
    seed: int = DEFAULT_SEED

    @property
    def names(self) -> tuple[str, ...]:
        """What the cell has to define."""
        return tuple(dict.fromkeys(name.partition(".")[0] for name, _ in self.signatures))

    def opened(self, program: Program) -> HandlerPart | NotChecked | Undetermined:
        """The part with the learner's tables made; or what is wrong with the answer."""
        with guarded():
            broken = self._broken(program)
        if broken is not None:
            return broken
        try:
            return replace(self, scenarios=tuple(opened(program, scenario) for scenario in self.scenarios))
        except OpeningFailed as error:
            if error.unsupported is not None:
                return Undetermined.for_want_of(error.unsupported, error.line)
            if "NotImplementedError" in str(error):
                return NotChecked(UNSOLVED.format(self.grade_id))
            return NotChecked(f"{error}. It is called once, before everything else", error.line and error.line[1])

    def check(self, exercise: str, program: Program, seconds: float = 60.0, thorough: bool = False) -> Report:
        """Search all scenarios in both journal modes; report the smallest counterexample of all.

        ``thorough``: within larger bounds (four faults, two of them crashes).
        """
        part = self.opened(program)
        bounds = bounds_json(self.scenarios, self.journals, OTHERS[-1] if self.crowd else 0)
        if not isinstance(part, HandlerPart):
            return Report(exercise, self.grade_id, self.points, part, bounds)
        return part._check(exercise, program, seconds, bounds, thorough)

    def _check(self, exercise: str, program: Program, seconds: float, bounds: dict[str, Any], thorough: bool) -> Report:
        @cache
        def as_drawn() -> tuple[Outcome, bool]:
            return self._straight(program)

        def bounds_of(scenario: Scenario) -> Bounds:
            return larger(scenario.bounds) if thorough else scenario.bounds

        def values_are_right() -> bool:
            return isinstance(as_drawn()[0], Right)

        # Values that were chosen by hand may show more plainly what is wrong with others: if so, with few faults.
        with Race(program, self.journals, bounds_of, seconds, self.progress, values_are_right) as race:
            numbered = list(enumerate(self.scenarios, 1))
            at_first = [(n, s) for n, s in numbered if not s.only_if_right]
            race.run(at_first)
            self._overtaken(program, race)
            for n, s in numbered:
                if s.only_if_right:
                    race.run([(n, s)])
            race.run([(_OUTSIDER * _CHANGED + n, _changed(s, _OUTSIDER)) for n, s in at_first if s.meets_others])
            as_given = dict(numbered)
            changed = [(n, which) for n in race.hints_matter if n in as_given for which in (1, 2)]
            changed += [(n, _SET_BACK) for n in race.clock_matters if n in as_given and not as_given[n].between]
            changed += [(n, k) for n in race.draws_matter if n in as_given and not as_given[n].between for k in _DRAWN]
            race.run([(k * _CHANGED + n, _changed(as_given[n], k)) for n, k in sorted(changed)])
        best, unsure, schedules, states = race.best, race.unsure, race.schedules, race.states
        missing = race.missing
        outcome, spread = (Right(), False) if best or missing or race.stopped else as_drawn()
        if isinstance(outcome, Unsupported):
            missing = Undetermined.for_want_of(outcome.what, outcome.line)
        if missing is not None and best is None:
            return Report(exercise, self.grade_id, self.points, missing, bounds, schedules)
        if not isinstance(outcome, Right | Unsupported) and (unsure is None or isinstance(outcome, Wrong)):
            return self._report_values(exercise, program, outcome, spread, seconds, bounds)
        if best is None:
            final = unsure or Proved(schedules, states, tuple(race.limits))
            return Report(
                exercise,
                self.grade_id,
                self.points,
                final,
                bounds,
                schedules,
                covered=self.covered if unsure is None else "",
                measured=self.measure(self, program) if self.measure else "",
                source=program.source_line,
            )
        number, verdict = best
        scenario = self._scenario(number)
        if number >= _CROWD:
            scenario = opened(program, scenario)
        return self._report(exercise, program, verdict, number, schedules, bounds, scenario)

    def _overtaken(self, program: Program, race: Race) -> None:
        """Whether a delivery stands it that others are faster, as often as it takes."""
        for place, journal in enumerate(self.journals):
            if self.crowd is not None and not race.is_over:
                found = lost_race(program, self.crowd, journal, OTHERS[0 if place else -1])
                if found is not None:
                    race.best = (_CROWD + found[0], found[1])

    # -- values that hurt ------------------------------------------------------------------------------

    @property
    def drawn_number(self) -> int:
        """The number of the scenario whose values are drawn: it comes after all others. The next one is the same, as
        time goes by and chance has it."""
        return len(self.scenarios) + 1

    def _scenario(self, number: int, messages: Sequence[int] = ()) -> Scenario:
        """The scenario with this number. ``messages``: which of it only, numbered from 1; of a drawn one only.

        Raises:
            BadSchedule: there is none, or no such message in it.
        """
        if self.crowd is not None and 0 <= number - _CROWD <= OTHERS[-1] and not messages:
            return self.crowd(number - _CROWD)
        change, place = divmod(number, _CHANGED)
        if 1 <= place <= len(self.scenarios) and 0 <= change < len(_WORDS) and not messages:
            return _changed(self.scenarios[place - 1], change)
        if self.drawn is None or number not in (self.drawn_number, self.drawn_number + 1):
            count = len(self.scenarios) + (self.drawn is not None)
            what = f"has 1 to {count}" + (f", and messages can be chosen in scenario {count} only" if messages else "")
            raise BadSchedule(f"there is no scenario {number}: {self.grade_id} {what}")
        try:
            return self.drawn(self.seed).scenario([m - 1 for m in messages], spread=number > self.drawn_number)
        except LookupError as error:
            raise BadSchedule(str(error)) from None

    def _straight(self, program: Program) -> tuple[Outcome, bool]:
        """How it goes with the values that are drawn, all together; and whether that is as time goes by."""
        if self.drawn is None:
            return Right(), False
        outcome = straight(program, self.drawn(self.seed), self.journals[0])
        if not (isinstance(outcome, Right) and outcome.varies):
            return outcome, False
        return straight(program, self.drawn(self.seed), self.journals[0], spread=True), True

    def _report_values(
        self,
        exercise: str,
        program: Program,
        outcome: Wrong | Endless,
        spread: bool,
        seconds: float,
        bounds: dict[str, Any],
    ) -> Report:
        """The report where only the values that are drawn show a mistake."""
        assert self.drawn is not None
        fault = find_fault(program, self.drawn(self.seed), self.journals[0], seconds, spread)
        if fault is None:
            what = outcome.why if isinstance(outcome, Endless) else outcome.claim
            why = f"with many messages, one after the other, it went wrong ({what}), but not again with fewer of them"
            return Report(exercise, self.grade_id, self.points, Undetermined(why), bounds)
        verdict = fault.verdict
        number = self.drawn_number + spread
        report = self._report(exercise, program, verdict, number, verdict.schedules, bounds, fault.scenario)
        return replace(report, messages=tuple(place + 1 for place in fault.messages), seed=self.seed)

    def _report(
        self,
        exercise: str,
        program: Program,
        verdict: Refuted | Stuck,
        number: int,
        schedules: int,
        bounds: dict[str, Any],
        scenario: Scenario,
    ) -> Report:
        try:
            hung = isinstance(verdict, Stuck) and verdict.reason == "hung"
            if hung:
                verdict = replace(verdict, schedule=_without_tail(verdict.schedule))
            run = replay_schedule(
                program,
                scenario,
                verdict.schedule,
                verdict.journal,
                finish=isinstance(verdict, Refuted) or hung,
                patience=LITTLE_PATIENCE if hung else 1.0,
            )
        except BadSchedule:
            return self._differs(exercise, schedules, bounds)
        if isinstance(verdict, Refuted) and run.wrong is None and not run.dead:
            return self._differs(exercise, schedules, bounds)
        if isinstance(verdict, Stuck) and verdict.reason == "circle":
            run = replay_schedule(
                program, scenario, verdict.schedule, verdict.journal, most_steps=len(verdict.schedule) + 60
            )
        if is_unsolved(run):
            return Report(exercise, self.grade_id, self.points, NotChecked(UNSOLVED.format(self.grade_id)), bounds)
        found = diagnose(run, program, verdict if isinstance(verdict, Stuck) else None)
        if isinstance(verdict, Stuck):
            del run.events[len(verdict.schedule) + 12 :]  # enough to see the circle
        far = scenario.time_goes_on or (len(verdict.schedule) > _FAR and scenario.overtaken > 0)
        if not far and not (isinstance(verdict, Stuck) and verdict.reason == "hung"):
            choices = [event.choice for event in run.events]
            run.point_of_no_return = point_of_no_return(program, scenario, choices, verdict.journal)
        return Report(
            exercise,
            self.grade_id,
            self.points,
            verdict,
            bounds,
            schedules,
            run,
            found,
            Timeline.of(run, program.source_line),
            number,
            source=program.source_line,
            whole_source=program.source,
            measured=self.measure(self, program) if self.measure else "",
            seed=self.seed,
        )

    def _differs(self, exercise: str, schedules: int, bounds: dict[str, Any]) -> Report:
        why = (
            "a schedule that broke the answer did not break it when it was run again: the handler is not deterministic "
            "(it reads something that is neither the message nor the database)"
        )
        verdict = Undetermined(why, schedules)
        return Report(exercise, self.grade_id, self.points, verdict, bounds, schedules)

    def _broken(self, program: Program) -> NotChecked | Undetermined | None:
        try:
            wrong = program.wrong_functions(self.signatures, self.grade_id)
            return None if wrong is None else NotChecked(wrong)
        except CannotCopy as error:
            return Undetermined(
                f"the answer uses {error}, which can't be given afresh to each process", unsupported=True
            )

    def replay(
        self,
        exercise: str,
        program: Program,
        schedule: str,
        journal: Journal | None,
        scenario: int | None,
        messages: Sequence[int] = (),
    ) -> Replay:
        """Carry out ``schedule``. Where scenario or journal mode are not given, those are taken in which it breaks
        the answer, else the first in which it is possible. ``messages``: which of the drawn ones there are, from 1.

        Raises:
            BadSchedule: it can't be read, or is possible in none of them.
        """
        part = self.opened(program)
        if not isinstance(part, HandlerPart):
            raise BadSchedule(part.reason)
        return part._replay(exercise, program, schedule, journal, scenario, messages)

    def _replay(
        self,
        exercise: str,
        program: Program,
        schedule: str,
        journal: Journal | None,
        scenario: int | None,
        messages: Sequence[int],
    ) -> Replay:
        numbers = [k * _CHANGED + n for k in range(len(_WORDS)) for n in range(1, len(self.scenarios) + 1)]
        if scenario is not None:
            numbers = [scenario]
        if messages and scenario is None:
            numbers = [self.drawn_number]
        possible: tuple[Run, int, Journal] | None = None
        failure: BadSchedule | None = None
        for number in numbers:
            chosen = opened(program, self._scenario(number, messages))
            letters = chosen.letters()
            for mode in self.journals if journal is None else (journal,):
                try:
                    choices = parse(schedule, letters)
                    run = replay_schedule(program, chosen, choices, mode)
                except BadSchedule as error:
                    failure = failure or error
                    continue
                breaks = run.wrong is not None or bool(run.dead) or run.hung is not None or not run.ended
                if possible is None or breaks:
                    possible = (run, number, mode)
                if breaks:
                    return self._shown(exercise, program, *possible)
        if possible is None:
            assert failure is not None
            raise failure
        return self._shown(exercise, program, *possible)

    def _shown(self, exercise: str, program: Program, run: Run, number: int, journal: Journal) -> Replay:
        if run.wrong is not None or run.dead:
            run.point_of_no_return = point_of_no_return(program, run.scenario, run.schedule, journal)
        timeline = Timeline.of(run, program.source_line)
        return Replay(exercise, self.grade_id, run, timeline, number, journal, program.source)
