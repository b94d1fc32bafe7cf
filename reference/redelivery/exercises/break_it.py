"""Parts in which a consumer with a bug is shown, and the learner writes the schedule that breaks it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..checking.part import NotChecked, Replay, Report, Withstood, bounds_json
from ..display.timeline import Timeline
from ..exploration.diagnosis import diagnose
from ..exploration.no_return import point_of_no_return
from ..exploration.replay import replay
from ..exploration.scenario import Scenario
from ..exploration.schedule import BadSchedule, parse
from ..exploration.stage import opened
from ..exploration.verdict import Proved
from ..simulation.choices import FAULT_INDEX
from ..simulation.program import Cell, Program, SourceProgram
from ..simulation.sqlite_store import Journal


@dataclass(frozen=True)
class BreakIt:
    """``source`` is the consumer to break, in ``scenario``, with at most as many faults as its bounds have.

    ``without``: signs of faults that it has to be broken without. ``wanted``: how it has to go wrong, as the claim says
    it. Both keep the first schedule that comes to mind, or stood in a lesson, from being the answer.
    """

    grade_id: str
    points: int
    scenario: Scenario
    source: str
    names: tuple[str, ...] = ("schedule",)
    without: str = ""
    wanted: str = ""

    @property
    def program(self) -> Program:
        """The consumer to break."""
        return SourceProgram(
            [Cell("setup", "from redelivery import Retry"), Cell("the consumer to break", self.source)]
        )

    def check(self, exercise: str, program: Program) -> Report:
        """Judge the learner's schedule: right if it breaks the consumer."""
        answer = program.value("schedule")
        bounds = bounds_json([self.scenario], ["wal"])
        if answer is None:
            return self._report(exercise, NotChecked('expected a text, schedule = "…"; there is none'), bounds)
        return self.judge(exercise, answer)

    def judge(self, exercise: str, answer: object) -> Report:
        """Judge one schedule text."""
        bounds = bounds_json([self.scenario], ["wal"])
        if not isinstance(answer, str):
            reason = f'expected a text such as schedule = "AAB+A"; it is of type {type(answer).__name__}'
            return self._report(exercise, NotChecked(reason), bounds)
        if not answer.strip():
            reason = 'no schedule yet: write one as a text, such as schedule = "AAA+ABB"'
            return self._report(exercise, NotChecked(reason), bounds)
        try:
            shown = self.replay(exercise, self.program, answer, "wal", 1)
        except BadSchedule as error:
            return self._report(exercise, NotChecked(str(error)), bounds)
        run = shown.run
        faults = sum(choice.kind in FAULT_INDEX for choice in run.schedule[: run.given])
        if faults > self.scenario.bounds.faults:
            reason = f"the schedule has {faults} faults; {self.scenario.bounds.faults} are allowed. Leave some out"
            return self._report(exercise, NotChecked(reason), bounds)
        used = "".join(sign for sign in self.without if sign in answer)
        if used:
            reason = f"this time it has to be broken without {', '.join(used)}: the consumer breaks in another way, too"
            return self._report(exercise, NotChecked(reason), bounds)
        if run.wrong is not None and self.wanted not in run.wrong:
            return Report(
                exercise,
                self.grade_id,
                self.points,
                Withstood(f"It goes wrong ({run.wrong}), and not in the way that is asked for: {self.wanted}."),
                bounds,
                1,
                run,
                timeline=shown.timeline,
                whole_source=shown.whole_source,
            )
        if run.wrong is not None:
            found = diagnose(run, self.program)
            return Report(
                exercise,
                self.grade_id,
                self.points,
                Proved(1, len(run.events)),
                bounds,
                1,
                run,
                timeline=shown.timeline,
                whole_source=shown.whole_source,
                covered=f"Your schedule breaks it. {found.sentence}",
                title=f"BROKEN   {self.grade_id}   {run.wrong}",
            )
        reason = "The consumer withstands this schedule: everything is as it must be at the end."
        if not run.ended or run.dead:
            reason = f"This schedule does not lead to a wrong end ({shown.headline.lower()})."
        return Report(
            exercise,
            self.grade_id,
            self.points,
            Withstood(reason),
            bounds,
            1,
            run,
            timeline=shown.timeline,
            whole_source=shown.whole_source,
        )

    def _report(self, exercise: str, verdict: NotChecked, bounds: dict[str, Any]) -> Report:
        return Report(exercise, self.grade_id, self.points, verdict, bounds)

    def replay(
        self, exercise: str, program: Program, schedule: str, journal: Journal | None, scenario: int | None
    ) -> Replay:
        """Carry out a schedule with the consumer to break (``program`` is not asked)."""
        consumer = self.program
        choices = parse(schedule, self.scenario.letters())
        start = opened(consumer, self.scenario)
        run = replay(consumer, start, choices, journal or "wal")
        if run.wrong is not None or run.dead:
            run.point_of_no_return = point_of_no_return(consumer, start, run.schedule, journal or "wal")
        timeline = Timeline.of(run, consumer.source_line)
        return Replay(exercise, self.grade_id, run, timeline, 1, journal or "wal", consumer.source)
