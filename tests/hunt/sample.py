"""The fixed sample for `make test`: answers whose fate in life is known, stored with them in ``sample.json``.

What is stored are facts of life. What the checker says is not stored: it is asked each time.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from .book import Book
from .derive import PARTS, Derived
from .report import CONFIRMED, RIGHT, WITH_DATA, standing

FILE = Path(__file__).with_name("sample.json")
SIZE = 200
#: So many of them were not broken: to prove takes longer than to refute.
NOT_BROKEN = 44
#: Seconds of computing that a check in the sample may take, of an answer not broken and of a broken one, as it was
#: measured when the sample was chosen.
MOST_SECONDS = {True: 1.8, False: 1.2}


@dataclass(frozen=True)
class Known:
    """A derived answer, and what became of it in life."""

    made: Derived
    broken: str | None
    """How it was broken; None if no session has."""
    sessions: int
    """So many sessions it took to break it, or didn't."""
    seed: str

    def __str__(self) -> str:
        return f"{self.made.part}-{self.made.key}"


def sample() -> list[Known]:
    """What is stored."""
    return [
        Known(
            Derived(one["part"], one["origin"], tuple(one["operators"]), one["source"]),
            one["broken"],
            one["sessions"],
            one["seed"],
        )
        for one in json.loads(FILE.read_text("utf-8"))
    ]


def choose(book: Book, seed: int) -> str:
    """Store another sample: of what a checker judged rightly and fast, parts and operators in turn."""
    draw = random.Random(seed)
    latest = {key: verdict for (key, _), verdict in book.verdicts.items()}
    fit: list[tuple[Derived, dict[str, object], bool]] = []
    for key, made in book.answers.items():
        verdict, trial = latest.get(key), book.life.get(key)
        if verdict is None or trial is None or trial["given_up"]:
            continue
        how = standing(verdict, trial)
        if how in (RIGHT, CONFIRMED, WITH_DATA) and verdict.get("seconds", 99) <= MOST_SECONDS[how == RIGHT]:
            fit.append((made, trial, how == RIGHT))
    draw.shuffle(fit)
    chosen: list[tuple[Derived, dict[str, object], bool]] = []
    parts: Counter[object] = Counter()
    operators: Counter[object] = Counter()
    wanted = {True: NOT_BROKEN, False: SIZE - NOT_BROKEN}
    while fit := [one for one in fit if wanted[one[2]]]:
        best = min(fit, key=lambda one: (parts[one[0].part, one[2]], operators[one[0].operators[0]]))
        fit.remove(best)
        chosen.append(best)
        wanted[best[2]] -= 1
        parts[best[0].part, best[2]] += 1
        operators[best[0].operators[0]] += 1
    order = list(PARTS)
    chosen.sort(key=lambda one: (order.index(one[0].part), one[0].key))
    lines = [
        {
            "part": made.part,
            "origin": made.origin,
            "operators": list(made.operators),
            "source": made.source,
            "broken": trial["broken"],
            "sessions": trial["sessions"],
            "seed": trial["seed"],
        }
        for made, trial, _ in chosen
    ]
    FILE.write_text(json.dumps(lines, indent=1, ensure_ascii=True) + "\n", encoding="utf-8")
    return f"{len(lines)} answers in {FILE.name}: {sum(line['broken'] is None for line in lines)} not broken"
