"""An exercise's part, what checking an answer to it gives, and how that is shown."""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from ..display.film import MEDIA_TYPE, film_of
from ..display.numbers import for_programs, schedules_words
from ..display.page import film_text
from ..display.plain import plain
from ..display.timeline import Timeline
from ..exploration.diagnosis import Diagnosis
from ..exploration.replay import Run
from ..exploration.scenario import Scenario
from ..exploration.schedule import to_text
from ..exploration.verdict import Proved, Refuted, Stuck, Undetermined, Verdict
from ..simulation.calls import Tool
from ..simulation.choices import FAULTS, Kind
from ..simulation.program import Program
from ..simulation.sqlite_store import Journal
from .seed import DEFAULT_SEED
from .shown import Line, excerpt, excerpt_text, replay_html, report_html

if TYPE_CHECKING:
    from ..workspace.caller import Caller

#: What a part says that still holds its stub.
UNSOLVED = "{} is not solved yet: it raises NotImplementedError. Write your answer in its cell, and run the cell"


def is_unsolved(run: Run) -> bool:
    """Whether the answer is still the stub that was handed out."""
    return any(e.raised is not None and e.raised.name == "NotImplementedError" for e in run.events)


@dataclass(frozen=True, slots=True)
class NotChecked:
    """The answer can't be checked: it is missing, unfinished or broken."""

    name: ClassVar[str] = "error"
    reason: str
    line: int | None = None

    @property
    def is_unsolved(self) -> bool:
        """It is as it was handed out."""
        return " is not solved yet" in self.reason


@dataclass(frozen=True, slots=True)
class CheckerFault:
    """The checker itself failed while it judged a part: nothing is said about the answer. See `fault`."""

    name: ClassVar[str] = "error"
    reason: str
    report: str
    """What to send us: the exception, where in this package, versions, the part. It names no file of the learner's."""


@dataclass(frozen=True, slots=True)
class Withstood:
    """A learner's schedule is possible, and the consumer it should break withstands it."""

    name: ClassVar[str] = "refuted"
    reason: str


@dataclass(frozen=True)
class Report:
    """What checking one part gave. It shows as HTML in a notebook and as text elsewhere."""

    exercise: str
    part: str
    max_points: int
    verdict: Verdict | NotChecked | Withstood | CheckerFault
    bounds: Mapping[str, Any] = field(default_factory=dict)
    schedules: int = 0
    run: Run | None = None
    diagnosis: Diagnosis | None = None
    timeline: Timeline | None = None
    scenario: int = 1
    messages: tuple[int, ...] = ()
    """Which of the scenario's messages took part, from 1; empty: all."""
    seed: int = DEFAULT_SEED
    """What drawn values were drawn with."""
    covered: str = ""
    """What was proved, and what that doesn't cover."""
    title: str = ""
    """A headline of its own."""
    caller: Caller | None = None
    """Who asked, in a notebook; None elsewhere."""
    is_scored: bool = False
    """It is an exercise's own check, which gives points."""
    right_of: tuple[int, int] | None = None
    """How many of how many single answers are right, in a part that has such."""
    following: tuple[str, str] | None = None
    """What comes next, and where that is: an address within the course, or within the notebook."""
    measured: str = ""
    """What the answer was measured to do."""
    judged: str = ""
    """Which run of which cell was judged, in a running notebook."""
    path: str = ""
    """The notebook that was checked from the command line."""
    source: Callable[[str, int], str] = field(default=lambda file, line: "")
    whole_source: Callable[[str], str] = field(default=lambda file: "")

    @property
    def passed(self) -> bool:
        """Whether the answer is right. *Undetermined* is not."""
        return isinstance(self.verdict, Proved)

    @property
    def points(self) -> int:
        """The points earned: all or none; of single answers a wrong one takes away what a right one gives, so that who
        guesses gets nothing."""
        if self.right_of is not None:
            right, of = self.right_of
            return self.max_points * max(2 * right - of, 0) // of
        return self.max_points if self.passed else 0

    @property
    def points_words(self) -> str:
        """``2 of 3 points``."""
        return f"{self.points} of {self.max_points} point{'' if self.max_points == 1 else 's'}"

    @property
    def schedule(self) -> str | None:
        """The text form of the counterexample."""
        verdict = self.verdict
        if not isinstance(verdict, Refuted | Stuck):
            return None
        return to_text(verdict.schedule) if self.run is None else to_text(verdict.schedule, self.run.letters)

    @property
    def claim(self) -> str | None:
        """The claim that the counterexample violates."""
        verdict = self.verdict
        if isinstance(verdict, Refuted):
            return verdict.claim
        if isinstance(verdict, Stuck):
            return "every message is acknowledged in the end"
        return None

    @property
    def explanation(self) -> str:
        """One sentence for the learner."""
        verdict = self.verdict
        if self.diagnosis is not None:
            return self.diagnosis.sentence
        if isinstance(verdict, NotChecked | Undetermined | Withstood | CheckerFault):
            return verdict.reason
        return self.covered

    @property
    def line(self) -> int | None:
        """The responsible line, counted within the part's cell."""
        if self.diagnosis is not None:
            return self.diagnosis.line[1] if self.diagnosis.line else None
        verdict = self.verdict
        if isinstance(verdict, Undetermined):
            return verdict.line[1] if verdict.line else None
        return verdict.line if isinstance(verdict, NotChecked) else None

    @property
    def fault(self) -> str | None:
        """What to send us where the checker itself failed; None where it didn't."""
        return self.verdict.report if isinstance(self.verdict, CheckerFault) else None

    def to_json(self) -> dict[str, Any]:
        """As `redelivery check --json` prints it."""
        return {
            "part": self.part,
            "verdict": self.verdict.name,
            "points": self.points,
            "max_points": self.max_points,
            "schedules": for_programs(self.schedules),
            "exhausted": isinstance(self.verdict, Proved),
            "bounds": dict(self.bounds),
            "limits": list(self.verdict.limits) if isinstance(self.verdict, Proved) else [],
            "claim": self.claim,
            "diagnosis": self.diagnosis.name if self.diagnosis else None,
            "explanation": self.explanation,
            "line": self.line,
            "schedule": self.schedule,
            "journal": getattr(self.verdict, "journal", None),
            "scenario": self.scenario if self.schedule is not None else None,
            "fault": self.fault,
            "messages": list(self.messages),
            "seed": self.seed if self.messages else None,
        }

    # -- text ------------------------------------------------------------------------------------------

    @property
    def headline(self) -> str:
        """The verdict in one line."""
        verdict = self.verdict
        if self.title:
            return self.title
        if isinstance(verdict, Withstood):
            return f"NOT BROKEN   {self.part}"
        if isinstance(verdict, Proved):
            return (
                f"PROVED   {self.part}   {schedules_words(verdict.schedules)}"
                if verdict.schedules
                else f"RIGHT   {self.part}"
            )
        if self.at_once:
            return f"RAISES AT ONCE   {self.part}"
        if isinstance(verdict, NotChecked) and verdict.is_unsolved:
            return f"NOT SOLVED YET   {self.part}"
        if isinstance(verdict, Refuted):
            name = self.diagnosis.name if self.diagnosis else ""
            return f"REFUTED   {name}   {verdict.claim}".replace("      ", "   ")
        if isinstance(verdict, Stuck):
            name = self.diagnosis.name if self.diagnosis else ""
            return f"STUCK   {name}   a message is never acknowledged"
        if isinstance(verdict, Undetermined):
            return f"UNDETERMINED   {self.part}"
        if isinstance(verdict, CheckerFault):
            return f"CHECKER FAULT   {self.part}"
        return f"NOT CHECKED   {self.part}"

    @property
    def bounds_words(self) -> str:
        """Within which bounds something was proved; empty where nothing was."""
        b = self.bounds
        if not isinstance(self.verdict, Proved) or self.title or not b:
            return ""
        who = f"{b['consumers']} consumer{'' if b['consumers'] == 1 else 's'}"
        if b.get("packets"):
            who = "a sender and a receiver"
            who += f", up to {b['in_flight']} messages in flight" if b.get("in_flight") else ""
            who += ", beside another writer" if b.get("writers") else ""
        if b.get("readings"):
            who += f", {b['readings']} readings in between"
        if b.get("jobs"):
            who += f", {b['jobs']} runs of the job beside them"
        kinds = [f"{b[key]} {words}" for key, words in _FAULT_WORDS if b.get(key)]
        if b.get("asks"):  # other services, whose requests get lost like acknowledgements: one or the other
            kinds = [kind.replace("lost acknowledgement", "lost acknowledgement or request") for kind in kinds]
        between = f", up to {b['between']} other messages before a duplicate" if b.get("between") else ""
        others = "" if between else "other messages "
        between += f", up to {b['overtaken']} {others}while one is worked on" if b.get("overtaken") else ""
        beside = "; a single consumer also beside somebody else who holds a lock for long" if b.get("outsider") else ""
        stores = ["SQLite in WAL mode and with a rollback journal"] if len(b["journals"]) > 1 else []
        stores += ["Redis"] if b.get("redis") else []
        return (
            f"Bounds: {who}, {_messages_and_faults(b)} ({', '.join(kinds)} at most)"
            f"{between}{beside}{'; ' if stores else ''}{', '.join(stores)}."
            + "".join(f" Cut off: {limit}." for limit in self.verdict.limits)
        )

    @property
    def smallest(self) -> str:
        """What the counterexample consists of, and among how many schedules it was found."""
        verdict = self.verdict
        assert isinstance(verdict, Refuted | Stuck)
        counts: list[tuple[int, str, str]] = []
        for fault in FAULTS:
            count = sum(choice.kind is fault.kind for choice in verdict.schedule)
            counts += self._what_got_lost(count) if fault.kind is Kind.LOST else [(count, fault.one, fault.many)]
        steps = [c.process for c in verdict.schedule if c.kind is Kind.STEP]
        switches = sum(a != b for a, b in itertools.pairwise(steps))
        named = [f"{n} {one if n == 1 else many}" for n, one, many in counts if n] or ["no fault"]
        named.append(f"{switches} switch{'' if switches == 1 else 'es'}")
        mode = ""
        if len(self.bounds.get("journals", ())) > 1:
            mode = " (SQLite in WAL mode)" if verdict.journal == "wal" else " (SQLite with a rollback journal)"
        return f"Smallest of its kind: {', '.join(named)}{mode}. {schedules_words(self.schedules)} searched."

    def _what_got_lost(self, count: int) -> list[tuple[int, str, str]]:
        """What the sender's letter with a tilde stands for: of packets, of requests, of acknowledgements."""
        if self.bounds.get("packets"):
            return [(count, "lost packet or answer", "lost packets or answers")]
        events = self.run.events if self.run is not None else []
        requests = sum(event.kind == "send lost" for event in events)
        return [
            (count - requests, "lost acknowledgement", "lost acknowledgements"),
            (requests, "lost request", "lost requests"),
        ]

    @property
    def again(self) -> tuple[str, str]:
        """How to see the run again: what to type; or the schedule alone, where the answer has no name to type."""
        options = {"scenario": self.scenario} if self.scenario != 1 else {}
        seed = {"seed": self.seed} if self.seed != DEFAULT_SEED else {}
        is_wal = getattr(self.verdict, "journal", "wal") == "wal"
        if self.caller is not None:
            if self.caller.answers is None:
                return "Schedule", str(self.schedule)
            more: dict[str, object] = {**options, **({"messages": self.messages} if self.messages else {}), **seed}
            named = [f"{name}={value}" for name, value in more.items()] + ['journal="rollback"'] * (not is_wal)
            words = [f'"{self.part}"', *self.caller.answers, f'schedule="{self.schedule}"', *named]
            return "Replay", f"{self.caller.exercise}.replay({', '.join(words)})"
        chosen = {"messages": ",".join(map(str, self.messages))} if self.messages else {}
        flags = [f" --{name} {value}" for name, value in {**options, **chosen, **seed}.items()]
        flags += [" --journal rollback"] * (not is_wal)
        path = shlex.quote(self.path or f"exercises/{self.exercise}.ipynb")
        return "Replay", f'redelivery replay {path} {self.part} "{self.schedule}"{"".join(flags)}'

    @property
    def at_once(self) -> str:
        """Where the answer fails by itself, before anything else happens: its error, and the line."""
        run, verdict = self.run, self.verdict
        if run is None or not isinstance(verdict, Refuted | Stuck) or self.scenario != 1:
            return ""
        first = next((event for event in run.events if event.raised is not None), None)
        if first is None or first.raised is None or first.raised.kind != "error" or any(e.fault for e in run.events):
            return ""
        before = run.events[: first.number - 1]
        expected = first.message >= 0 and run.scenario.expected_dead >> first.message & 1
        if expected or any(
            e.redelivered or e.kind in ("ack", "answer") or (e.process != first.process and e.packet < 0)
            for e in before
        ):
            return ""
        error = f"{first.raised.name}: {first.raised.text}".removesuffix(": ")
        where = f"Line {first.raised_line[1]}" if first.raised_line else "It"
        return f"{where} raises {error}, at once and without any fault."

    @property
    def sentences(self) -> list[str]:
        """What is to be said of the verdict, a line each."""
        if self.at_once:
            return [self.at_once]
        what, found, rest = self.explanation.removeprefix("Proved: within").partition(" Not covered: ")
        if found and isinstance(self.verdict, Proved):
            return [f"Within{what}" if self.explanation.startswith("Proved: within") else what, f"Not covered: {rest}"]
        return [self.explanation] if self.explanation else []

    @property
    def excerpt(self) -> list[Line]:
        """The learner's code around the line that made the mistake."""
        line = self.diagnosis.line if self.diagnosis is not None else None
        if line is None or isinstance(self.verdict, Proved):
            return []
        return excerpt(self.whole_source(line[0]), line[1])

    def __str__(self) -> str:
        lines = [self.headline]
        if self.judged:
            lines.append(self.judged)
        if self.measured:
            lines.append(self.measured)
        lines += self.sentences
        if self.fault:
            lines += ["", *(f"    {line}" for line in self.fault.splitlines())]
        if self.excerpt:
            lines += ["", *excerpt_text(self.excerpt)]
        if self.timeline is not None and not self.at_once:
            lines += ["", self.timeline.to_text()]
        if self.bounds_words:
            lines.append(self.bounds_words)
        if self.is_scored and self.points:
            lines.append(f"{self.points_words}.")
        if self.following:
            lines.append(self.following[0])
        if isinstance(self.verdict, Refuted | Stuck) and not self.at_once:
            if isinstance(self.verdict, Stuck) and self.verdict.reason == "circle":
                lines.append("… and so on, in a circle.")
            lines.append(self.smallest)
            if self.schedule:
                lines.append("{}:  {}".format(*self.again))
        return plain("\n".join(lines))

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return plain(report_html(self))

    @property
    def film(self) -> dict[str, Any] | None:
        """The run that decided, to be stepped through; None where none did."""
        if self.run is None or self.timeline is None or len(self.run.events) > _LONGEST_FILM:
            return None
        return film_of(self.run, self.timeline, self.headline, self.whole_source)

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        return bundle(self, self.film)


@dataclass(frozen=True)
class Replay:
    """One schedule, carried out. Shows as its timeline."""

    exercise: str
    part: str
    run: Run
    timeline: Timeline
    scenario: int
    journal: Journal
    whole_source: Callable[[str], str] = field(default=lambda file: "")

    @property
    def film(self) -> dict[str, Any]:
        """The run, to be stepped through."""
        return film_of(self.run, self.timeline, self.headline, self.whole_source)

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        return bundle(self, self.film if len(self.run.events) <= _LONGEST_FILM else None)

    @property
    def ends_right(self) -> bool:
        """Everything was acknowledged, and all claims hold."""
        return self.run.ended and self.run.wrong is None and not self.run.dead

    @property
    def headline(self) -> str:
        """How the run ended."""
        run = self.run
        if run.wrong is not None:
            return f"ENDS WRONG   {run.wrong}"
        if run.dead:
            names = ", ".join(run.scenario.messages[m][0] for m in run.dead)
            return f"STUCK   in the dead-letter queue: {names}"
        if run.hung:
            return f"STUCK   {run.hung}"
        if not run.ended:
            return f"NOT AT ITS END   after {len(run.events)} steps"
        return "ENDS RIGHT   all claims hold"

    def __str__(self) -> str:
        return plain(f"{self.headline}\n\n{self.timeline.to_text()}\nSchedule:  {self.run.text}")

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return plain(replay_html(self))


#: Steps of a run of which a notebook keeps a film.
_LONGEST_FILM = 250


def bundle(shown: Report | Replay, film: dict[str, Any] | None) -> dict[str, Any]:
    """What a notebook keeps of an output: text, a picture, and where there is a run the film of it."""
    kept: dict[str, Any] = {"text/plain": str(shown), "text/html": shown._repr_html_()}
    text = film_text(film)
    return {**kept, MEDIA_TYPE: text} if text else kept


_FAULT_WORDS = (
    ("crashes", "crash"),
    ("lost_acks", "lost acknowledgement"),
    ("lost_packets", "lost packets or answers"),
    ("lost_requests", "lost request"),
    ("lost_answers", "lost answer"),
    ("redeliveries", "extra redelivery"),
    ("failures", "failing effect"),
    ("lock_timeouts", "wait for a lock that times out"),
    ("expiries", "passing of time"),
)


def _messages_and_faults(bounds: Mapping[str, Any]) -> str:
    """How many messages with how many faults: the largest of both that were searched together, where more of the one
    meant less of the other."""
    tried = {(s["messages"], s["faults"]) for s in bounds["scenarios"] if s["consumers"] == bounds["consumers"]}
    best = sorted(one for one in tried if not any(o != one and o[0] >= one[0] and o[1] >= one[1] for o in tried))
    shown = [f"{_plural(m, 'message')} and {'at most ' if f else ''}{_plural(f, 'fault')} a run" for m, f in best]
    if len(shown) == 1:
        return shown[0].replace(" and at most", ", at most")
    return ", or ".join(shown)


def _plural(count: int, word: str) -> str:
    return f"{count or 'no'} {word}{'' if count == 1 else 's'}"


class Part(Protocol):
    """What an exercise demands in one part."""

    @property
    def grade_id(self) -> str:
        """Its name."""

    @property
    def points(self) -> int:
        """What it is worth."""

    @property
    def names(self) -> tuple[str, ...]:
        """What the learner's cell has to define."""

    def check(self, exercise: str, program: Program) -> Report:
        """Judge an answer."""

    def replay(
        self, exercise: str, program: Program, schedule: str, journal: Journal | None, scenario: int | None
    ) -> Replay:
        """Carry out one schedule with an answer."""


def bounds_json(scenarios: Sequence[Scenario], journals: Sequence[str], overtaken: int = 0) -> dict[str, Any]:
    """Bounds as the JSON names them: those of the largest scenario, and how the others differ. ``overtaken``: so many
    other messages are handled while one is worked on."""
    largest = max(scenarios, key=lambda s: (s.bounds.consumers, s.bounds.faults, len(s.messages)))
    bounds, messages = largest.bounds, len(largest.messages)
    found = {
        "scenarios": [
            {
                "name": s.name,
                "consumers": s.bounds.consumers,
                "messages": len(s.messages),
                "faults": s.bounds.faults,
            }
            for s in scenarios
        ],
        "consumers": bounds.consumers,
        "messages": messages,
        "faults": bounds.faults,
        "crashes": bounds.crashes,
        "lost_acks": 0 if largest.sure_acks or largest.packets else bounds.lost_acks,
        "redeliveries": bounds.redeliveries if not largest.packets else 0,
        "lock_timeouts": bounds.lock_timeouts if largest.uses_sqlite else 0,
        "journals": list(journals),
    }
    sends = any(Tool.SEND in call.arguments for call in largest.calls)
    more = {
        "packets": len(largest.packets),
        "in_flight": max(len(s.lanes) for s in scenarios) if largest.packets else 0,
        "writers": max(s.runs for s in scenarios) if largest.packets else 0,
        "lost_packets": bounds.lost_acks if largest.packets else 0,
        "lost_requests": bounds.lost_acks if sends else 0,
        "lost_answers": bounds.lost_answers if sends or largest.loop else 0,
        "failures": bounds.failures if largest.loop else 0,
        "jobs": max(s.runs for s in scenarios if s.hears is None) if not largest.packets else 0,
        "readings": max((s.runs for s in scenarios if s.hears is not None), default=0),
        "redis": largest.uses_redis,
        "between": max(s.between for s in scenarios),
        "overtaken": overtaken,
        "expiries": bounds.expiries if largest.uses_redis else 0,
        "outsider": any(s.meets_others for s in scenarios),
    }
    return found | {name: value for name, value in more.items() if value}
