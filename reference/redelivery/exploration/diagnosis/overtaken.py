"""What is said of a delivery that was overtaken again and again; see `exploration.overtaken`."""

from __future__ import annotations

from ..replay import Run
from .case import Diagnosis, capital, deliveries_of, last_line, words


def diagnose(run: Run) -> Diagnosis:
    """The mistake, and how many others it took: without any of them it does not happen."""
    deliveries = deliveries_of(run)
    slow = [delivery for delivery in deliveries if delivery.message == 0]
    line = last_line(slow)
    identity = run.scenario.messages[0][0]
    others = "another message was" if run.scenario.overtaken == 1 else f"{run.scenario.overtaken} others were"
    happened = (
        f"While message {identity} was worked on, {others} handled, and each time what it had read was out of date"
    )
    if len(slow) == 1 and slow[0].end == "ack" and slow[0].effect is None:
        return Diagnosis("swallowed-conflict", f"{happened}. Then {words(line)} gave up, and returned.", line)
    return Diagnosis("unclassified", f"{happened}. {capital(run.wrong or 'it ends wrong')}.", line)
