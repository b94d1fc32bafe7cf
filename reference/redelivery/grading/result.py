"""What grading a submission gives: one model, from which the gradebook, the pages and the other forms are made.

Three kinds of result are never mixed:

============= ========================================================== ======
kind          what happened                                              points
============= ========================================================== ======
RIGHT         the answer was judged, and is proved                       all
WRONG         the answer was judged, and is not: refuted, stuck, or      0
              not proved within the limits
NOT_RUN       there was no answer to judge, or it could not be executed  0
FAULT         the grader failed; nothing is said about the answer        0
============= ========================================================== ======
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import Enum
from typing import Any

from ..checking.seed import DEFAULT_SEED

#: In the reasons why something was not run, where time is one.
_TIME = "the time for this submission"
#: Changes when a field changes its meaning.
FORMAT = 1


class Kind(Enum):
    """What became of one part."""

    RIGHT = "right"
    WRONG = "wrong"
    NOT_RUN = "not run"
    FAULT = "grader fault"


@dataclass(frozen=True, slots=True)
class PartResult:
    """What became of one part of a submission."""

    part: str
    kind: Kind
    points: int
    max_points: int
    verdict: str
    """``proved``, ``refuted``, ``stuck``, ``undetermined`` or ``error``, as `redelivery check` says it."""
    explanation: str
    """One sentence for the learner."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """As `redelivery check --json` prints it: schedules, bounds, claim, diagnosis, line, schedule, …"""
    text: str = ""
    """The whole report as text, with the timeline. It may hold a learner's text."""
    picture: str = ""
    """The timeline as SVG; empty where there is none. Drawn by the grader, with all text escaped."""
    answer: str = ""
    """The answer's source, as it was judged."""
    seconds: float = 0.0
    film: str = ""
    """The run that decided, step by step, as JSON (see `display.film`); empty where there is none. It holds a learner's
    text."""

    @property
    def diagnosis(self) -> str | None:
        """The name of the mistake."""
        found = self.details.get("diagnosis")
        return str(found) if found else None


@dataclass(frozen=True, slots=True)
class SubmissionResult:
    """What became of one submission: one notebook of one learner."""

    learner: str
    exercise: str
    """Empty where the notebook could not be used as a whole."""
    file: str
    """Where it came from, below the folder or archive that was named on the command line."""
    parts: tuple[PartResult, ...]
    problem: str = ""
    """Why the notebook as a whole could not be used, or how the grader failed; empty otherwise."""
    fault: bool = False
    """The grader failed."""
    isolation: tuple[str, ...] = ()
    """What kept the learner's code away, such as ``bubblewrap`` or ``memory 3 GiB``."""
    trusted: bool = True
    """False where the code was not isolated: a submission could have touched the grader."""
    version: str = ""
    """The course's version."""
    attempt: str = ""
    """When it was handed in (ISO 8601) or which attempt it is, where that is known."""
    digest: str = ""
    """SHA-256 of the notebook."""
    nothing: bool = False
    """Nothing was handed in."""
    seconds: float = 0.0
    seed: int = DEFAULT_SEED
    """What values that hurt were drawn from."""
    limit: float = 0.0
    """Seconds that it was given."""

    @property
    def out_of_time(self) -> bool:
        """Whether more time might have changed it."""
        return _TIME in self.problem or any(_TIME in part.explanation for part in self.parts)

    @property
    def is_judged(self) -> bool:
        """Whether everything was, whatever the points: also what is as it was handed out, and who handed in nothing."""
        if self.problem and not self.nothing:
            return False
        return all(part.kind in (Kind.RIGHT, Kind.WRONG) or part.details.get("unsolved") for part in self.parts)

    @property
    def points(self) -> int:
        """Points earned."""
        return sum(part.points for part in self.parts)

    @property
    def max_points(self) -> int:
        """Points there are to earn."""
        return sum(part.max_points for part in self.parts)

    @property
    def faults(self) -> bool:
        """Whether anything here is the grader's own failure."""
        return self.fault or any(part.kind is Kind.FAULT for part in self.parts)

    def without_times(self) -> SubmissionResult:
        """The same without what differs from run to run."""
        return replace(self, seconds=0.0, parts=tuple(replace(part, seconds=0.0) for part in self.parts))

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "format": FORMAT,
            **asdict(self),
            "points": self.points,
            "max_points": self.max_points,
            "isolation": list(self.isolation),
            "parts": [{**asdict(part), "kind": part.kind.value} for part in self.parts],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> SubmissionResult:
        """The result that `to_json` wrote.

        Raises:
            ValueError: it is of another format, or none.
        """
        if not isinstance(data, Mapping) or data.get("format") != FORMAT:
            raise ValueError(f"expected a result of format {FORMAT}; this is {data!r:.80}")
        try:
            parts = tuple(PartResult(**{**part, "kind": Kind(part["kind"])}) for part in data["parts"])
            own = {k: v for k, v in data.items() if k not in ("format", "points", "max_points", "parts", "isolation")}
            return cls(**own, parts=parts, isolation=tuple(data["isolation"]))
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a result of the grader: {error}") from None
