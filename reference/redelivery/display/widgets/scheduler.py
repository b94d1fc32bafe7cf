"""Break it yourself: the person at the screen decides what happens next.

After each choice the schedule so far is carried out for real, twice: as far as it goes, which shows what has happened
and what may happen now, and then on to the end without faults, which shows whether it is broken already.
"""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from ...exploration.replay import Run, Standing, replay
from ...exploration.scenario import Scenario
from ...exploration.schedule import choice_text, to_text
from ...simulation.choices import FAULT_INDEX, TIME_IS_LEFT, Choice, Kind, fault_of
from ...simulation.program import Program
from ...simulation.sqlite_store import Journal
from ..film import film_of, next_step
from ..page import SCRIPT
from ..svg import as_image, to_svg
from ..timeline import Timeline

_MOST_CHOICES = 200


class Scheduler(anywidget.AnyWidget):
    """Buttons for what may happen now, the schedule as it grows, and what has become of the claim."""

    _esm = SCRIPT.read_text("utf-8") + (Path(__file__).parent / "scheduler.js").read_text("utf-8")
    _css = Path(__file__).parent / "widgets.css"
    position = traitlets.Dict().tag(sync=True)
    """What is to be seen: the film so far, the choices, the schedule, the verdict."""
    pressed = traitlets.Dict().tag(sync=True)
    """What was pressed last: ``{"do": "A!" | "undo" | "restart", "count": n}``."""

    def __init__(self, program: Program, scenario: Scenario, title: str, journal: Journal = "wal") -> None:
        super().__init__()
        self._program, self._scenario, self._title, self._journal = program, scenario, title, journal
        self._letters = scenario.letters()
        self.choices: list[Choice] = []
        self._answered = 0
        self._show()
        self.observe(self._on_press, names=["pressed"])

    @property
    def schedule(self) -> str:
        """The schedule so far, in the form in which an answer wants it."""
        return to_text(self.choices, self._letters)

    def do(self, what: str) -> None:
        """Make one choice (its text, such as ``A!``), or ``undo``, or ``restart``."""
        if what == "restart":
            self.choices = []
        elif what == "undo":
            self.choices = self.choices[:-1]
        else:
            found = [c for c in self._run.possible if choice_text(c, self._letters) == what]
            if found and len(self.choices) < _MOST_CHOICES:
                self.choices = [*self.choices, found[0]]
        self._show()

    def _on_press(self, change: dict[str, Any]) -> None:
        self._answered = int(change["new"].get("count", 0))
        self.do(str(change["new"].get("do", "")))

    def _replay(self, finish: bool) -> Run:
        return replay(self._program, self._scenario, self.choices, self._journal, finish=finish)

    def _show(self) -> None:
        self._run = run = self._replay(finish=False)
        end = self._replay(finish=True)
        timeline = Timeline.of(run, self._program.source_line, end)
        self.position = {
            "title": self._title,
            "film": film_of(run, timeline, self._title, self._program.source, end),
            "schedule": self.schedule,
            "choices": [self._button(choice) for choice in run.possible],
            "verdict": _verdict(run, end),
            "broken": _is_wrong(end),
            "answered": self._answered,
        }

    def _button(self, choice: Choice) -> dict[str, Any]:
        letter = "" if choice.kind is Kind.TIME else self._letters[choice.process]
        if choice.kind is Kind.STEP:
            label = f"{letter}: {self._next(choice.process)}"
        else:
            label = fault_of(choice.kind).label.format(letter)
        fault = choice.kind in FAULT_INDEX and choice != TIME_IS_LEFT
        lane = choice.process if letter and not fault else -1
        return {"text": choice_text(choice, self._letters), "label": label, "fault": fault, "lane": lane}

    def _next(self, process: int) -> str:
        """What a process would do next, and from which line."""
        event = self._run.events[-1] if self._run.events else None
        standing = event.standing[process] if event else Standing()
        words = next_step(self._run, event.state if event else None, process, standing)
        return f"line {standing.line[1]}, {words}" if standing.line and standing.request else words

    def _repr_mimebundle_(self, **named: Any) -> Any:
        shown = super()._repr_mimebundle_(**named)
        data: Any = shown[0] if isinstance(shown, tuple) else shown
        timeline = Timeline.of(self._replay(finish=True), self._program.source_line)
        picture = as_image(to_svg(timeline, self._title), f"{self._title}. Timeline as text:\n{timeline.to_text()}")
        note = "In JupyterLab, with the cell run, here are buttons: you decide what happens next."
        data["text/plain"] = f"{self._title}\n{note}\n\n{timeline.to_text()}"
        data["text/html"] = f"<p>{escape(self._title)}. {note}</p>{picture}"
        return shown


def _is_wrong(run: Run) -> bool:
    return run.wrong is not None or bool(run.dead) or run.hung is not None


def _verdict(run: Run, end: Run) -> str:
    """What has become of the claim, in one sentence."""
    over = not run.possible
    if end.hung is not None:
        return f"✗ BROKEN: it hangs ({end.hung})."
    if end.dead:
        names = ", ".join(run.scenario.messages[m][0] for m in end.dead)
        return f"✗ BROKEN: {names} in the dead-letter queue."
    if end.wrong is not None:
        return f"✗ BROKEN: {end.wrong}." if over else f"✗ BROKEN: if nothing else goes wrong, {end.wrong}."
    if not end.ended:
        return "∞ It goes round and round from here." if not over else "It did not come to its end."
    return "✓ It ended right." if over else "✓ Not broken yet: if nothing else goes wrong, it ends right."
