"""From a counterexample to the name of the mistake, the line that made it, and one sentence.

A rule looks at what happened in the run: who read what before whom wrote it, what was durable when a process
died, what an acknowledgement covered. It never looks at the learner's text. Where no rule fits, the diagnosis is
``unclassified``: the timeline still shows what happened.

Each family of parts has a module with rules of its own (`Scenario.family`), tried in their order.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...simulation.choices import Choice
from ...simulation.program import Program
from ..replay import Run, replay
from ..scenario import Scenario
from ..source import Source
from ..verdict import Stuck
from . import beside, ledger, link, loops, overtaken, records, requests, versions
from . import stuck as stuck_rules
from .case import Case, Diagnosis, Rule, capital, deliveries_of, last_line
from .names import DIAGNOSES

_FAMILIES: dict[str, tuple[Rule, ...]] = {
    "records": (beside.diagnose, *records.RULES),
    "loop": loops.RULES,
    "link": link.RULES,
    "ledger": ledger.RULES,
    "versions": versions.RULES,
    "requests": requests.RULES,
}
_STUCK: dict[str, tuple[Rule, ...]] = {
    "loop": loops.STUCK,
    "link": link.STUCK,
    "ledger": ledger.STUCK,
    "versions": versions.STUCK,
    "requests": requests.STUCK,
}


def diagnose(run: Run, program: Program, stuck: Stuck | None = None) -> Diagnosis:
    """What the mistake is. ``stuck``: the search's verdict, when the run is one that never comes to its end."""
    if run.scenario.overtaken:
        return overtaken.diagnose(run)
    hung = stuck is not None and stuck.reason == "hung"
    undisturbed = [] if hung else deliveries_of(replay(program, run.scenario, (), run.journal))

    def again(schedule: Sequence[Choice], scenario: Scenario) -> Run:
        return replay(program, scenario, schedule, run.journal)

    case = Case(run, deliveries_of(run), undisturbed, Source(program), None if hung else again)
    rules = _FAMILIES[run.scenario.family]
    if stuck is not None:
        rules = (*_STUCK.get(run.scenario.family, ()), lambda case: stuck_rules.diagnose_stuck(case, stuck))
    for rule in rules:
        found = rule(case)
        if found is not None:
            return found
    return Diagnosis("unclassified", f"{capital(run.wrong or 'the run ends wrong')}.", last_line(case.deliveries))


__all__ = ["DIAGNOSES", "Diagnosis", "diagnose"]
