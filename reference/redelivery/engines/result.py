"""What a search over a real store gave, as an object and as text: the same words and pictures as `Result` has."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..display.numbers import count_words
from ..display.plain import plain
from ..display.svg import as_image, to_svg
from ..display.timeline import Row, Timeline
from ..library.claims import described
from ..library.given import shown
from ..library.result import _page, _width, near
from .mistakes import Mistake, mistake_of
from .port import Answer, Contents
from .run import Event, Run
from .search import Outcome, Search
from .state import CRASH, LAND, LOST, REDELIVER, SENT, text_of

if TYPE_CHECKING:
    from .check import Prepared

_MOST_TEXT = 62
COVERED = (
    "Every claim holds, whatever is delivered again, killed (also while it waits, and with its COMMIT on the way), "
    "lost or interleaved within these bounds. Not covered: more consumers, messages or faults, pipelines, time."
)
MERGED_NOT = "states were not merged, since this level remembers who has read what; hence the smaller bounds"


@dataclass(frozen=True)
class EngineResult:
    """What a check on a real store gave."""

    name: str
    title: str
    outcome: Outcome
    bounds: str
    limits: tuple[str, ...] = ()
    mistake_found: Mistake | None = None
    ends_with: str = ""
    timeline: Timeline | None = None
    source: Callable[[str, int], str] = field(default=lambda file, line: "", repr=False)
    again: str = ""
    width: int | None = None

    @classmethod
    def of(cls, prepared: Prepared, search: Search, outcome: Outcome, changed: str) -> EngineResult:
        """From a search."""
        store = prepared.store
        limits = store.limits + (() if store.merges else (MERGED_NOT,))
        if changed and outcome.verdict == "proved":
            why = f"a run has changed {changed} itself, which all processes share then"
            outcome = Outcome("undetermined", reason=why, schedules=outcome.schedules)
        b = prepared.bounds
        bounds = (
            f"{store.title}: {b.consumers} consumers, {len(prepared.messages)} message"
            f"{'s' if len(prepared.messages) > 1 else ''}, at most {b.faults} fault{'' if b.faults == 1 else 's'}"
        )
        found: dict[str, Any] = {}
        if outcome.schedule:
            number = search.point_of_no_return(outcome.schedule)
            run = search.replay(outcome.schedule)
            found = {
                "timeline": timeline_of(run, prepared, outcome.claim, number),
                "mistake_found": mistake_of(run, outcome, prepared.messages),
                "ends_with": "At the end: " + described(run.contents_now(), {}),
            }
        source = prepared.program.source_line
        settings = prepared.settings
        return cls(
            shown(prepared.function), store.title, outcome, bounds, limits,
            source=source, again=settings.again, width=settings.width, **found,
        )  # fmt: skip

    @property
    def verdict(self) -> str:
        """``proved``, ``refuted``, ``stuck`` or ``undetermined``."""
        return self.outcome.verdict

    @property
    def proved(self) -> bool:
        """Whether all claims hold in every schedule within the bounds."""
        return self.outcome.verdict == "proved"

    @property
    def claim(self) -> str | None:
        """What does not hold; None where nothing was refuted."""
        return self.outcome.claim or None

    @property
    def mistake(self) -> str | None:
        """The name of the mistake, where it has one."""
        return self.mistake_found.name if self.mistake_found else None

    @property
    def sentence(self) -> str:
        """What happened, or why nothing can be said."""
        if self.mistake_found is not None:
            return self.mistake_found.sentence
        return self.outcome.reason if self.outcome.verdict == "undetermined" else COVERED if self.proved else ""

    @property
    def file(self) -> str | None:
        """The file of the line that a teacher would point at."""
        return self._line[0] if self._line else None

    @property
    def line(self) -> int | None:
        """That line."""
        return self._line[1] if self._line else None

    @property
    def _line(self) -> tuple[str, int] | None:
        return self.mistake_found.line if self.mistake_found is not None else self.outcome.line

    @property
    def schedules(self) -> int:
        """How many schedules were covered."""
        return self.outcome.schedules

    @property
    def schedule(self) -> str | None:
        """The smallest schedule that breaks it, with engine, version and level in front."""
        return f"{self.title}:{text_of(self.outcome.schedule)}" if self.outcome.schedule else None

    def to_json(self) -> dict[str, Any]:
        """As `redelivery check --json` prints it."""
        return {
            "checked": self.name,
            "store": self.title,
            "verdict": self.verdict,
            "claim": self.claim,
            "diagnosis": self.mistake,
            "explanation": self.sentence,
            "file": self.file,
            "line": self.line,
            "schedule": self.schedule,
            "schedules": self.schedules,
            "exhausted": self.proved,
            "bounds": self.bounds,
            "limits": list(self.limits),
        }

    @property
    def replay_command(self) -> str:
        """What to type to see the run again."""
        return (self.again or "Check(…).replay({})").replace("{}", f'"{self.schedule}"')

    def _headline(self) -> str:
        if self.proved:
            return f"PROVED on {self.title}   {self.name}   {count_words(self.schedules)} schedules"
        words = [self.verdict.upper() + f" on {self.title}", self.name, self.mistake or "", self.claim or ""]
        return "   ".join(word for word in words if word)

    def text(self, width: int | None = None) -> str:
        """For a terminal of so many columns."""
        width = width or self.width or _width()

        def wrapped(text: str) -> list[str]:
            return textwrap.wrap(text, max(width, 40), break_long_words=False, break_on_hyphens=False)

        lines = [self._headline()]
        if self.sentence:
            lines += wrapped(self.sentence)
        if self._line is not None:
            source = self.source(*self._line)
            lines.append(f"  {near(self._line[0])}:{self._line[1]}" + (f"   {source}" if source else ""))
        if self.ends_with:
            lines += wrapped(self.ends_with)
        if self.timeline is not None:
            lines += ["", _picture(self.timeline, width), ""]
        lines += wrapped("; ".join([f"Within: {self.bounds}", *self.limits]) + ".")
        if self.schedule is not None:
            lines.append(f"Replay:  {self.replay_command}")
        return plain("\n".join(lines))

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return f"<{self.verdict} on {self.title}: {self.name}>"

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return {"text/plain": self.text(100), "text/html": self._repr_html_()}

    def _repr_html_(self) -> str:
        out = [f"<div><strong>{escape(self._headline())}</strong><div>{escape(self.sentence)}</div>"]
        if self.ends_with:
            out.append(f"<div>{escape(self.ends_with)}</div>")
        if self.timeline is not None:
            alternative = f"{self._headline()}. Timeline as text:\n{self.timeline.to_text()}"
            out.append(as_image(to_svg(self.timeline, self._headline(), self.sentence), alternative))
        out.append(f"<div>{escape('; '.join([f'Within: {self.bounds}', *self.limits]))}.</div>")
        if self.schedule is not None:
            out.append(f"<div>Replay: <code>{escape(self.replay_command)}</code></div>")
        return "".join([*out, "</div>"])

    def html(self) -> str:
        """A page of its own."""
        return _page(self._headline(), self._repr_html_())

    def write_html(self, path: Path) -> None:
        """Write the page to a file."""
        from ..library.result import write_page

        write_page(path, self)  # type: ignore[arg-type]


@dataclass(frozen=True)
class EngineReplayed:
    """One schedule, carried out on a real store."""

    name: str
    title: str
    timeline: Timeline
    wrong: str | None
    ends_with: str
    schedule: str
    final: Contents = ()
    width: int | None = None

    @classmethod
    def of(cls, prepared: Prepared, search: Search, run: Run) -> EngineReplayed:
        """From a run."""
        state = run.state
        always = search.at_any_time
        contents = [run.table.contents.value(event.contents) for event in run.events]
        wrong = next((w for c in contents if always is not None and (w := always(c)) is not None), None)
        wrong = wrong or search._wrong_at_end(state)
        return cls(
            shown(prepared.function),
            prepared.title,
            timeline_of(run, prepared, wrong or "", None),
            wrong,
            "At the end: " + described(run.contents_now(), {}),
            text_of(e.choice for e in run.events if e.choice is not None),
            run.contents_now(),
            prepared.settings.width,
        )

    @property
    def ends_right(self) -> bool:
        """Everything was acknowledged, and all claims hold."""
        return self.wrong is None

    @property
    def proved(self) -> bool:
        """One schedule proves nothing."""
        return False

    def text(self, width: int | None = None) -> str:
        """For a terminal of so many columns."""
        width = width or self.width or _width()
        head = f"{'ENDS RIGHT' if self.ends_right else 'ENDS WRONG'} on {self.title}   {self.name}"
        lines = [head + (f"   {self.wrong}" if self.wrong else ""), self.ends_with, "", _picture(self.timeline, width)]
        return plain("\n".join([*lines, "", f"Schedule:  {self.schedule}"]))

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return f"<replayed on {self.title}: {self.name}>"

    def _repr_html_(self) -> str:
        title = self.text(100).splitlines()[0]
        return f"<div><strong>{escape(title)}</strong></div>" + as_image(
            to_svg(self.timeline, title, self.ends_with), f"{title}. Timeline as text:\n{self.timeline.to_text()}"
        )

    def html(self) -> str:
        """A page of its own."""
        return _page(self.text(100).splitlines()[0], self._repr_html_())


# -- the timeline ----------------------------------------------------------------------------------------------


def timeline_of(run: Run, prepared: Prepared, wrong: str, no_return: int | None) -> Timeline:
    """A run as rows. ``no_return``: after so many choices nothing can be right any more."""
    names = [identity for identity, _ in prepared.messages]
    tables = [name for name, _ in run.contents_now()][:4]
    rows: list[Row] = []
    first = run.table.contents.value(1)
    before = _state(first, tables)
    last, choices, no_return_row = -1, 0, 0 if no_return == 0 else None
    for number, event in enumerate(run.events, 1):
        state = _state(run.table.contents.value(event.contents), tables)
        choice = event.choice
        fault = choice is not None and choice.kind in (CRASH, SENT, REDELIVER, LOST)
        switched = choice is not None and not fault and last >= 0 and event.process != last
        if choice is not None:
            choices += 1
            if choices == no_return:
                no_return_row = number
        if choice is not None and choice.kind != REDELIVER:
            last = event.process
        line = event.statement.line if event.statement is not None else event.ended.line if event.ended else None
        text = describe(event, names)
        rows.append(
            Row(
                number,
                "*" if fault or event.redelivered or switched else "",
                event.process,
                _short(text),
                line[1] if line and event.kind in ("sql", "waits", "goes on", "give back", "dead letter") else None,
                state,
                tuple(a != b for a, b in zip(state, before, strict=True)),
                fault,
                event.kind,
                event.in_transaction,
                source=prepared.program.source_line(*line) if line else "",
                choice=text_of([choice]) if choice is not None else "",
                shorter=(text[:40], event.kind),
            )
        )
        before = state
    letters = tuple("ABCDEFGH"[: prepared.bounds.consumers])
    titles = tuple(f"consumer {letter}" for letter in letters)
    return Timeline(letters, tuple(tables), tuple(rows), no_return_row, titles, wrong)


def describe(event: Event, names: Sequence[str]) -> str:
    """What happened, in a few words."""
    who = names[event.message] if event.message >= 0 else "?"
    letter = "ABCDEFGH"[event.process]
    kind = event.kind
    statement = event.statement.text if event.statement is not None else ""
    fixed = {
        "receive": f"receive {who}" + (", redelivered" if event.redelivered else ""),
        "redeliver": f"queue delivers {who} again ({letter} is still at work)",
        "ack": f"acknowledge {who}",
        "stale ack": f"acknowledge {who}: ignored, delivered again meanwhile",
        "lost ack": f"acknowledge {who} → lost on the way",
        "crash": f"killed; {who} returns to the queue",
        "crash, sent": f"killed, {_bare(statement)} is on the way; {who} returns to the queue",
        "crash, waits": f"killed while {_bare(statement)} waits; {who} returns to the queue",
        "lands, waits": f"what the dead {letter} had sent arrives: {statement} → waits",
        "waits": f"{statement} → waits",
    }
    if kind in fixed:
        return fixed[kind]
    if event.ended is not None:
        name = event.ended.name
        if kind == "dead letter":
            return f"raises {name}, the third time → dead-letter queue"
        return f"raises {name}" + (f" → {who} returns to the queue" if kind == "give back" else "")
    outcome = _outcome(event.answer) if event.answer is not None else ""
    if kind == "lands":
        return f"what the dead {letter} had sent is carried out: {statement}{outcome}"
    return ("goes on: " if kind == "goes on" else "") + statement + outcome


def _bare(statement: str) -> str:
    return statement.partition("   ")[0]


def _outcome(answer: Answer) -> str:
    if answer.error:
        return f" → {answer.error} {answer.text}"
    if answer.rows is not None:
        rows = ["/".join(row) for row in answer.rows]
        return " → " + (", ".join(rows[:3]) + (" …" if len(rows) > 3 else "") if rows else "none")
    return f" → {answer.count} row{'' if answer.count == 1 else 's'}" if answer.count >= 0 else ""


def _short(text: str) -> str:
    text = " ".join(text.split())
    if len(text) <= _MOST_TEXT:
        return text
    head, arrow, tail = text.partition(" → ")
    room = _MOST_TEXT - len(arrow) - min(len(tail), 30) - 1
    return f"{head[:room]}…{arrow}{tail[:30]}"


def _state(contents: Contents, tables: Sequence[str]) -> tuple[str, ...]:
    found = dict(contents)
    shown_rows = []
    for name in tables:
        rows = [" ".join(map(str, row)) for row in found.get(name, ())]
        text = "; ".join(rows) or "–"
        shown_rows.append(text if len(text) <= 28 else f"{len(rows)} rows" if len(rows) > 1 else text[:27] + "…")
    return tuple(shown_rows)


def _picture(timeline: Timeline, width: int) -> str:
    from ..library.terminal import _stacked

    text = timeline.to_text()
    fits = max(map(len, text.splitlines()), default=0) <= width
    return text if fits else _stacked(timeline, max(width, 40))


__all__ = ["LAND", "EngineReplayed", "EngineResult"]
